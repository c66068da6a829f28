#include "rule.h"

#include <stdlib.h>

#include "json.h"

static bool refuse(text *error, text first, text second, text third) {
    *error = text_join(first, second, third);
    return false;
}

static bool read_groups(const json *list, settings *settings, text *error) {
    size_t count = 0;
    bool are_strings = list->type == JSON_LIST;
    for (const json *group = list->first; group; group = group->next, count++)
        are_strings = are_strings && group->type == JSON_STRING;
    if (!are_strings) {
        *error = text_of("the setting \"excludeGroups\" must be a list of groups such as [\"metrics.k8s.io\"]");
        return false;
    }
    text *groups = malloc((count + 1) * sizeof *groups);
    if (!groups) abort();
    settings->groups = groups;
    settings->count = count;
    for (const json *group = list->first; group; group = group->next) *groups++ = group->string;
    return true;
}

bool settings_read(text input, settings *settings, text *error) {
    text why;
    const json *whole = json_read(input, &why);
    settings->count = 0;
    if (!whole) return refuse(error, text_of("the settings are not JSON: "), why, text_of(""));
    if (whole->type != JSON_OBJECT) {
        *error = text_of("the settings must be an object such as {\"excludeGroups\": [\"metrics.k8s.io\"]}");
        return false;
    }
    for (const json *member = whole->first; member; member = member->next) {
        if (!text_is(member->key, text_of("excludeGroups")))
            return refuse(error, text_of("unknown setting \""), member->key, text_of("\"; known is \"excludeGroups\""));
        if (!read_groups(member, settings, error)) return false;
    }
    return true;
}

static verdict refused(const char *reason) {
    return (verdict){false, reason};
}

verdict decide(side side, settings settings, resource resource) {
    for (size_t i = 0; i < settings.count; i++)
        if (text_is(settings.groups[i], resource.group)) return refused("group excluded by the settings");
    if (side == NAMESPACES && !resource.namespaced) return refused("not namespaced");
    if (side == CLUSTER && resource.namespaced) return refused("namespaced");
    if (!resource.listable) return refused("cannot be listed");
    return (verdict){true, "selected"};
}

text group_warning(text group) {
    return text_join(text_of("excludeGroups: no resource has group \""), group, text_of("\""));
}
