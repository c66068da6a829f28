/* Reads JSON (RFC 8259), all of it, into a tree: what only looks like JSON is an error. */

#ifndef JSON_H
#define JSON_H

#include "text.h"

/* A list in a list and so on, no deeper than this. */
#define JSON_DEPTH 64

typedef enum { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_LIST, JSON_OBJECT } json_type;

typedef struct json {
    json_type type;
    text string;        /* of a string: its text, without quotes and escapes */
    text key;           /* of an object's member: its key */
    struct json *first; /* of a list or an object: what is in it */
    struct json *next;  /* what follows in the same list or object */
} json;

/* Reads a text. If it is no JSON the result is NULL, and *error says why. */
const json *json_read(text input, text *error);

#endif
