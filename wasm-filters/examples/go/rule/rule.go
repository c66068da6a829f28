// Package rule decides what is recorded, and why. It knows nothing of WebAssembly, and `go test
// ./rule` tests it.
package rule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Settings are what {"excludeGroups": ["metrics.k8s.io"]} says.
type Settings struct {
	ExcludeGroups []string
}

// Read reads the settings, or says what is wrong with them.
func Read(settings string) (Settings, error) {
	var read Settings
	if err := json.Unmarshal([]byte(settings), new(any)); err != nil {
		return read, fmt.Errorf("the settings are not JSON: %w", err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(settings), &members); err != nil || members == nil {
		return read, errors.New(`the settings must be an object such as {"excludeGroups": ["metrics.k8s.io"]}`)
	}
	// Sorted, so that of two mistakes it is always the same one that is told.
	for _, key := range slices.Sorted(maps.Keys(members)) {
		value := members[key]
		if key != "excludeGroups" {
			return read, fmt.Errorf(`unknown setting "%s"; known is "excludeGroups"`, key)
		}
		var groups []*string
		err := json.Unmarshal(value, &groups)
		// Go takes null for any list and any text.
		if err != nil || slices.Contains(groups, nil) || bytes.Equal(value, []byte("null")) {
			return read, errors.New(`the setting "excludeGroups" must be a list of groups such as ["metrics.k8s.io"]`)
		}
		for _, group := range groups {
			read.ExcludeGroups = append(read.ExcludeGroups, *group)
		}
	}
	return read, nil
}

// Side is one of the two sides of a cluster.
type Side int

const (
	// Namespaces is one namespace or all of them.
	Namespaces Side = iota
	// Cluster is what belongs to no namespace.
	Cluster
)

// Resource is what the rule looks at in a resource.
type Resource struct {
	Group      string
	Namespaced bool
	Listable   bool
}

// Decide says whether a resource is recorded, and why.
func (settings Settings) Decide(side Side, resource Resource) (selected bool, reason string) {
	switch {
	case slices.Contains(settings.ExcludeGroups, resource.Group):
		return false, "group excluded by the settings"
	case side == Namespaces && !resource.Namespaced:
		return false, "not namespaced"
	case side == Cluster && resource.Namespaced:
		return false, "namespaced"
	case !resource.Listable:
		return false, "cannot be listed"
	}
	return true, "selected"
}

// Warnings is what the operator should know: groups in the settings that no resource has.
func (settings Settings) Warnings(resources []Resource) []string {
	var warnings []string
	for _, group := range settings.ExcludeGroups {
		isThere := func(resource Resource) bool { return resource.Group == group }
		if !slices.ContainsFunc(resources, isThere) {
			warnings = append(warnings, fmt.Sprintf(`excludeGroups: no resource has group "%s"`, group))
		}
	}
	return warnings
}
