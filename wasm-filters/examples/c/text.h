/* Texts: UTF-8 with a length, and no NUL at the end. */

#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *at;
    size_t length;
} text;

/* The text of a C literal. */
text text_of(const char *literal);

bool text_is(text one, text other);

/* All three, one behind the other, in new memory. */
text text_join(text first, text second, text third);

#endif
