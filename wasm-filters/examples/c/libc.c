/* C's library, as far as this project uses it: so that clang is all that it takes to build it.
 *
 * An instance lives for one selection, so memory is taken from the end of what there is and never
 * given back.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 65536

/* The linker's: what follows is free. */
extern unsigned char __heap_base;

/* Where the next block begins, and before each block how long it is. */
static uintptr_t next;

void *malloc(size_t size) {
    if (!next) next = (uintptr_t)&__heap_base;
    uintptr_t block = (next + sizeof(size_t) + 7) & ~(uintptr_t)7;
    uintptr_t end = block + size;
    uintptr_t have = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE;
    if (end < block) return NULL;
    if (end > have && __builtin_wasm_memory_grow(0, (end - have + PAGE - 1) / PAGE) == (size_t)-1) return NULL;
    next = end;
    ((size_t *)block)[-1] = size;
    return (void *)block;
}

void *realloc(void *memory, size_t size) {
    size_t old = memory ? ((size_t *)memory)[-1] : 0;
    void *block = size <= old ? memory : malloc(size);
    if (block && block != memory) memcpy(block, memory, old);
    return block;
}

void free(void *memory) {
    (void)memory;
}

_Noreturn void abort(void) {
    __builtin_trap();
}

void *memcpy(void *to, const void *from, size_t length) {
    unsigned char *out = to;
    const unsigned char *in = from;
    while (length--) *out++ = *in++;
    return to;
}

void *memset(void *memory, int byte, size_t length) {
    unsigned char *out = memory;
    while (length--) *out++ = (unsigned char)byte;
    return memory;
}

int memcmp(const void *one, const void *other, size_t length) {
    const unsigned char *a = one, *b = other;
    for (; length--; a++, b++)
        if (*a != *b) return *a < *b ? -1 : 1;
    return 0;
}

void *memchr(const void *memory, int byte, size_t length) {
    const unsigned char *at = memory;
    for (; length--; at++)
        if (*at == (unsigned char)byte) return (void *)at;
    return NULL;
}

size_t strlen(const char *string) {
    const char *end = string;
    while (*end) end++;
    return (size_t)(end - string);
}

/* wit-bindgen's code asks for an object file that says which interface the filter has. `minutebook
 * filter build` says it instead, from `wit/filter.wit`. */
void __component_type_object_force_link_bindings(void);
void __component_type_object_force_link_bindings(void) {}
