#include "text.h"

#include <stdlib.h>
#include <string.h>

text text_of(const char *literal) {
    return (text){literal, strlen(literal)};
}

bool text_is(text one, text other) {
    return one.length == other.length && memcmp(one.at, other.at, one.length) == 0;
}

static char *append(char *at, text more) {
    memcpy(at, more.at, more.length);
    return at + more.length;
}

text text_join(text first, text second, text third) {
    size_t length = first.length + second.length + third.length;
    char *joined = malloc(length + 1);
    if (!joined) abort();
    append(append(append(joined, first), second), third);
    return (text){joined, length};
}
