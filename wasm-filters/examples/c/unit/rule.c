/* Tests the rule, natively:
 *
 *     mkdir -p build && cc -Wall -Wextra -I. -o build/unit unit/rule.c rule.c json.c text.c && build/unit
 */

#include "rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void expect(const char *what, const char *got, const char *wanted) {
    if (strcmp(got, wanted) == 0) return;
    printf("%s:\n  got    %s\n  wanted %s\n", what, got, wanted);
    failures++;
}

/* The groups with bars between them, or the error. */
static const char *read(const char *input) {
    static char result[256];
    settings settings;
    text error;
    /* In memory of just its length, so that reading beyond it is found. */
    char *copy = malloc(strlen(input));
    memcpy(copy, input, strlen(input));
    result[0] = '\0';
    if (!settings_read((text){copy, strlen(input)}, &settings, &error)) {
        settings.count = 0;
        strncat(result, error.at, error.length);
    }
    for (size_t i = 0; i < settings.count; i++) {
        if (i) strcat(result, "|");
        strncat(result, settings.groups[i].at, settings.groups[i].length);
    }
    return result;
}

static void test_settings(void) {
    static const char *const cases[][2] = {
        {"{}", ""},
        {" {\n\"excludeGroups\" :\t[ ] } ", ""},
        {"{\"excludeGroups\": [\"apps\", \"metrics.k8s.io\"]}", "apps|metrics.k8s.io"},
        {"{\"exclude\\u0047roups\": [\"\\u006detrics.k8s.io\"]}", "metrics.k8s.io"},
        {"{\"excludeGroups\": [\"\\\"\\\\\\/\\b\\f\\n\\r\\t\", \"\\u00e9\\u20AC\\ud83d\\uDE00\"]}",
         "\"\\/\b\f\n\r\t|\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"{\"excludeGroups\": [\"a\"], \"excludeGroups\": [\"b\"]}", "b"},
        {"", "the settings are not JSON: a value is expected"},
        {"{", "the settings are not JSON: a key in quotes is expected"},
        {"{excludeGroups: []}", "the settings are not JSON: a key in quotes is expected"},
        {"{\"a\" 1}", "the settings are not JSON: a colon is expected after a key"},
        {"{\"a\": 1", "the settings are not JSON: a comma or } is expected"},
        {"{\"a\": [1 2]}", "the settings are not JSON: a comma or ] is expected"},
        {"{\"a\": [1,]}", "the settings are not JSON: a value is expected"},
        {"{\"a\": tru}", "the settings are not JSON: a value is expected"},
        {"{\"a\": -}", "the settings are not JSON: a value is expected"},
        {"{\"a\": 01}", "the settings are not JSON: a comma or } is expected"},
        {"{\"a\": 1.}", "the settings are not JSON: a digit is expected after the point"},
        {"{\"a\": 1e+}", "the settings are not JSON: a digit is expected in the exponent"},
        {"{\"a", "the settings are not JSON: a string has no end"},
        {"{\"a\\", "the settings are not JSON: there is no such escape"},
        {"{\"a\nb\": 1}", "the settings are not JSON: a control character in a string must be escaped"},
        {"{\"\\x\": 1}", "the settings are not JSON: there is no such escape"},
        {"{\"\\u12g4\": 1}", "the settings are not JSON: four hexadecimal digits are expected after \\u"},
        {"{\"\\u12", "the settings are not JSON: four hexadecimal digits are expected after \\u"},
        {"{\"\\ud83d\": 1}", "the settings are not JSON: a \\u escape is half of a pair"},
        {"{\"\\ude00\": 1}", "the settings are not JSON: a \\u escape is half of a pair"},
        {"{} {}", "the settings are not JSON: something follows its end"},
        {"[]", "the settings must be an object such as {\"excludeGroups\": [\"metrics.k8s.io\"]}"},
        {"-1.5e-3", "the settings must be an object such as {\"excludeGroups\": [\"metrics.k8s.io\"]}"},
        {"{\"exclude\": []}", "unknown setting \"exclude\"; known is \"excludeGroups\""},
        {"{\"excludeGroups\": {\"a\": [true, false]}}",
         "the setting \"excludeGroups\" must be a list of groups such as [\"metrics.k8s.io\"]"},
        {"{\"excludeGroups\": [\"a\", null]}",
         "the setting \"excludeGroups\" must be a list of groups such as [\"metrics.k8s.io\"]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) expect(cases[i][0], read(cases[i][0]), cases[i][1]);

    char deep[200000];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    expect("many brackets", read(deep), "the settings are not JSON: it is nested too deeply");
}

static void test_decisions(void) {
    text excluded = text_of("metrics.k8s.io");
    settings settings = {&excluded, 1};
    static const struct {
        side side;
        const char *group;
        bool namespaced, listable;
        const char *reason;
    } cases[] = {
        {NAMESPACES, "apps", true, true, "selected"},
        {NAMESPACES, "apps", true, false, "cannot be listed"},
        {NAMESPACES, "", false, true, "not namespaced"},
        {NAMESPACES, "metrics.k8s.io", true, true, "group excluded by the settings"},
        {CLUSTER, "", false, true, "selected"},
        {CLUSTER, "", false, false, "cannot be listed"},
        {CLUSTER, "apps", true, true, "namespaced"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        resource resource = {text_of(cases[i].group), cases[i].namespaced, cases[i].listable};
        verdict verdict = decide(cases[i].side, settings, resource);
        expect("a reason", verdict.reason, cases[i].reason);
        expect("a verdict", verdict.selected ? "yes" : "no", strcmp(cases[i].reason, "selected") ? "no" : "yes");
    }
}

int main(void) {
    test_settings();
    test_decisions();
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
