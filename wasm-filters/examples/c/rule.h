/* The rule: what is recorded, and why. It knows nothing of WebAssembly, and `unit/` tests it. */

#ifndef RULE_H
#define RULE_H

#include "text.h"

/* What {"excludeGroups": ["metrics.k8s.io"]} says. */
typedef struct {
    const text *groups;
    size_t count;
} settings;

/* Reads the settings. If they cannot be accepted the result is false, and *error says why. */
bool settings_read(text input, settings *settings, text *error);

/* The two sides of a cluster. */
typedef enum { NAMESPACES, CLUSTER } side;

/* What the rule looks at in a resource. */
typedef struct {
    text group;
    bool namespaced;
    bool listable;
} resource;

typedef struct {
    bool selected;
    const char *reason;
} verdict;

verdict decide(side side, settings settings, resource resource);

/* What the operator should know of a group in the settings that no resource has. */
text group_warning(text group);

#endif
