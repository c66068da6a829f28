/* A filter for minutebook in C.
 *
 * This file is the glue between the component model and the rule: `bindings.h`, which wit-bindgen
 * generated from `wit/filter.wit`, declares the two functions that are defined here. What is
 * decided, and in which words, is in `rule.c`.
 */

#include <stdlib.h>

#include "bindings.h"
#include "rule.h"

/* What configure was given; an instance is configured once. */
static settings configured;

static text from(bindings_string_t string) {
    return (text){(const char *)string.ptr, string.len};
}

/* Strings that are handed out are freed afterwards, so each is a copy. */
static void answer(bindings_string_t *string, text text) {
    bindings_string_dup_n(string, text.at, text.length);
}

static void *allocate(size_t count, size_t size) {
    void *memory = malloc(count * size + 1);
    if (!memory) abort();
    return memory;
}

bool exports_filter_configure(bindings_string_t *settings, bindings_string_t *err) {
    text error;
    if (settings_read(from(*settings), &configured, &error)) return true;
    answer(err, error);
    return false;
}

static resource from_resource(const exports_filter_api_resource_t *from_host) {
    resource resource = {from(from_host->group), from_host->namespaced, false};
    for (size_t i = 0; i < from_host->verbs.len; i++)
        resource.listable = resource.listable || text_is(from(from_host->verbs.ptr[i]), text_of("list"));
    return resource;
}

bool exports_filter_select(exports_filter_target_t *target, exports_filter_list_api_resource_t *resources,
                           exports_filter_selection_t *ret, bindings_string_t *err) {
    (void)err; /* This rule can decide on everything. */
    side side = target->scope.tag == EXPORTS_FILTER_SCOPE_CLUSTER ? CLUSTER : NAMESPACES;

    ret->verdicts.len = resources->len;
    ret->verdicts.ptr = allocate(resources->len, sizeof *ret->verdicts.ptr);
    for (size_t i = 0; i < resources->len; i++) {
        verdict verdict = decide(side, configured, from_resource(&resources->ptr[i]));
        ret->verdicts.ptr[i].selected = verdict.selected;
        answer(&ret->verdicts.ptr[i].reason, text_of(verdict.reason));
    }

    ret->warnings.len = 0;
    ret->warnings.ptr = allocate(configured.count, sizeof *ret->warnings.ptr);
    for (size_t i = 0; i < configured.count; i++) {
        bool is_there = false;
        for (size_t j = 0; j < resources->len; j++)
            is_there = is_there || text_is(from(resources->ptr[j].group), configured.groups[i]);
        if (!is_there) answer(&ret->warnings.ptr[ret->warnings.len++], group_warning(configured.groups[i]));
    }
    return true;
}
