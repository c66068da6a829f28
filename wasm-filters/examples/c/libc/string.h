/* The part of C's library that this project uses; `libc.c` has the rest of the explanation. */

#ifndef STRING_H
#define STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t length);
void *memset(void *memory, int byte, size_t length);
int memcmp(const void *one, const void *other, size_t length);
void *memchr(const void *memory, int byte, size_t length);
size_t strlen(const char *string);

#endif
