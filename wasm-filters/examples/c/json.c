#include "json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Where the reading is. The first error stays; from then on there is nothing left to read. */
typedef struct {
    const char *at, *end;
    const char *error;
} reader;

static bool fail(reader *in, const char *error) {
    if (!in->error) in->error = error;
    in->at = in->end;
    return false;
}

static bool is_next(const reader *in, char byte) {
    return in->at < in->end && *in->at == byte;
}

static bool take(reader *in, char byte) {
    if (!is_next(in, byte)) return false;
    in->at++;
    return true;
}

static bool is_digit(const reader *in) {
    return in->at < in->end && *in->at >= '0' && *in->at <= '9';
}

static void skip_space(reader *in) {
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t' || *in->at == '\n' || *in->at == '\r')) in->at++;
}

static bool take_word(reader *in, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(in->end - in->at) < length || memcmp(in->at, word, length) != 0)
        return fail(in, "a value is expected");
    in->at += length;
    return true;
}

/* Numbers are checked and not kept: no setting is one. */
static bool read_number(reader *in) {
    take(in, '-');
    if (!take(in, '0')) {
        if (!is_digit(in)) return fail(in, "a value is expected");
        while (is_digit(in)) in->at++;
    }
    if (take(in, '.')) {
        if (!is_digit(in)) return fail(in, "a digit is expected after the point");
        while (is_digit(in)) in->at++;
    }
    if (take(in, 'e') || take(in, 'E')) {
        if (!take(in, '+')) take(in, '-');
        if (!is_digit(in)) return fail(in, "a digit is expected in the exponent");
        while (is_digit(in)) in->at++;
    }
    return true;
}

/* The four hexadecimal digits of \uXXXX. */
static bool read_unit(reader *in, uint32_t *unit) {
    *unit = 0;
    for (int digit = 0; digit < 4; digit++) {
        if (in->at == in->end) return fail(in, "four hexadecimal digits are expected after \\u");
        char byte = *in->at++;
        char lower = (char)(byte | 0x20);
        uint32_t value;
        if (byte >= '0' && byte <= '9') value = (uint32_t)(byte - '0');
        else if (lower >= 'a' && lower <= 'f') value = (uint32_t)(lower - 'a' + 10);
        else return fail(in, "four hexadecimal digits are expected after \\u");
        *unit = *unit << 4 | value;
    }
    return true;
}

/* What follows \u: one unit of UTF-16, or two if the first is half of a pair. */
static bool read_code_point(reader *in, uint32_t *point) {
    uint32_t low;
    if (!read_unit(in, point)) return false;
    if (*point < 0xD800 || *point > 0xDFFF) return true;
    if (*point > 0xDBFF || !take(in, '\\') || !take(in, 'u') || !read_unit(in, &low) || low < 0xDC00 || low > 0xDFFF)
        return fail(in, "a \\u escape is half of a pair");
    *point = 0x10000 + ((*point - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

static char *write_utf8(char *out, uint32_t point) {
    if (point < 0x80) {
        *out++ = (char)point;
        return out;
    }
    if (point < 0x800) {
        *out++ = (char)(0xC0 | point >> 6);
    } else {
        if (point < 0x10000) {
            *out++ = (char)(0xE0 | point >> 12);
        } else {
            *out++ = (char)(0xF0 | point >> 18);
            *out++ = (char)(0x80 | (point >> 12 & 0x3F));
        }
        *out++ = (char)(0x80 | (point >> 6 & 0x3F));
    }
    *out++ = (char)(0x80 | (point & 0x3F));
    return out;
}

static bool read_string(reader *in, text *string) {
    const char *quote = ++in->at;
    while (quote < in->end && *quote != '"') quote += *quote == '\\' && in->end - quote > 1 ? 2 : 1;
    /* No escape is shorter than what it stands for. */
    char *bytes = malloc((size_t)(quote - in->at) + 1);
    if (!bytes) abort();
    char *out = bytes;
    while (in->at < in->end && *in->at != '"') {
        char byte = *in->at++;
        if ((unsigned char)byte < 0x20) return fail(in, "a control character in a string must be escaped");
        if (byte != '\\') {
            *out++ = byte;
            continue;
        }
        static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
        byte = in->at < in->end ? *in->at++ : '\0';
        const char *escape = byte ? memchr(escapes, byte, sizeof escapes - 1) : NULL;
        uint32_t point;
        if (escape) *out++ = meanings[escape - escapes];
        else if (byte != 'u') return fail(in, "there is no such escape");
        else if (read_code_point(in, &point)) out = write_utf8(out, point);
        else return false;
    }
    if (!take(in, '"')) return fail(in, "a string has no end");
    *string = (text){bytes, (size_t)(out - bytes)};
    return true;
}

static json *read_value(reader *in, int depth);

/* What is between brackets: values, or members with a key. */
static bool read_parts(reader *in, json *whole, char close, int depth) {
    json **last = &whole->first;
    if (depth == JSON_DEPTH) return fail(in, "it is nested too deeply");
    in->at++;
    skip_space(in);
    if (take(in, close)) return true;
    do {
        text key = {"", 0};
        skip_space(in);
        if (close == '}') {
            if (!is_next(in, '"')) return fail(in, "a key in quotes is expected");
            if (!read_string(in, &key)) return false;
            skip_space(in);
            if (!take(in, ':')) return fail(in, "a colon is expected after a key");
        }
        json *part = read_value(in, depth + 1);
        if (!part) return false;
        part->key = key;
        *last = part;
        last = &part->next;
    } while (take(in, ','));
    return take(in, close) || fail(in, close == '}' ? "a comma or } is expected" : "a comma or ] is expected");
}

/* A value and the space around it. */
static json *read_value(reader *in, int depth) {
    json *value = malloc(sizeof *value);
    if (!value) abort();
    *value = (json){.type = JSON_NULL};
    skip_space(in);
    bool is_read;
    switch (in->at < in->end ? *in->at : '\0') {
    case 'n': is_read = take_word(in, "null"); break;
    case 't': value->type = JSON_BOOLEAN, is_read = take_word(in, "true"); break;
    case 'f': value->type = JSON_BOOLEAN, is_read = take_word(in, "false"); break;
    case '"': value->type = JSON_STRING, is_read = read_string(in, &value->string); break;
    case '[': value->type = JSON_LIST, is_read = read_parts(in, value, ']', depth); break;
    case '{': value->type = JSON_OBJECT, is_read = read_parts(in, value, '}', depth); break;
    default: value->type = JSON_NUMBER, is_read = read_number(in);
    }
    skip_space(in);
    return is_read ? value : NULL;
}

const json *json_read(text input, text *error) {
    reader in = {input.at, input.at + input.length, NULL};
    const json *value = read_value(&in, 0);
    if (value && in.at < in.end) fail(&in, "something follows its end");
    if (!in.error) return value;
    *error = text_of(in.error);
    return NULL;
}
