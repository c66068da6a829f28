package rule

import (
	"slices"
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	for json, groups := range map[string][]string{
		`{}`:                                    nil,
		`{"excludeGroups": []}`:                 nil,
		`{"excludeGroups": ["\u0061pps", "b"]}`: {"apps", "b"},
	} {
		if settings, err := Read(json); err != nil || !slices.Equal(settings.ExcludeGroups, groups) {
			t.Errorf("%s: %v, %v", json, settings, err)
		}
	}
	for json, wanted := range map[string]string{
		``:                                     "the settings are not JSON: ",
		`{} {}`:                                "the settings are not JSON: ",
		`[]`:                                   "the settings must be an object such as ",
		`null`:                                 "the settings must be an object such as ",
		`{"exclude": []}`:                      `unknown setting "exclude"; known is "excludeGroups"`,
		`{"excludeGroups": 0, "b": 0, "a": 0}`: `unknown setting "a"; known is "excludeGroups"`,
		`{"excludegroups": []}`:                `unknown setting "excludegroups"; known is "excludeGroups"`,
		`{"excludeGroups": "a"}`:               `the setting "excludeGroups" must be a list of groups `,
		`{"excludeGroups": null}`:              `the setting "excludeGroups" must be a list of groups `,
		`{"excludeGroups": [null]}`:            `the setting "excludeGroups" must be a list of groups `,
	} {
		if _, err := Read(json); err == nil || !strings.HasPrefix(err.Error(), wanted) {
			t.Errorf("%s: %v", json, err)
		}
	}
}

func TestDecide(t *testing.T) {
	settings := Settings{ExcludeGroups: []string{"metrics.k8s.io"}}
	for _, test := range []struct {
		side     Side
		resource Resource
		reason   string
	}{
		{Namespaces, Resource{"apps", true, true}, "selected"},
		{Namespaces, Resource{"apps", true, false}, "cannot be listed"},
		{Namespaces, Resource{"", false, true}, "not namespaced"},
		{Namespaces, Resource{"metrics.k8s.io", true, true}, "group excluded by the settings"},
		{Cluster, Resource{"", false, true}, "selected"},
		{Cluster, Resource{"", false, false}, "cannot be listed"},
		{Cluster, Resource{"apps", true, true}, "namespaced"},
	} {
		selected, reason := settings.Decide(test.side, test.resource)
		if reason != test.reason || selected != (reason == "selected") {
			t.Errorf("%v: %v, %s", test, selected, reason)
		}
	}
}

func TestWarnings(t *testing.T) {
	settings := Settings{ExcludeGroups: []string{"apps", "app"}}
	warnings := settings.Warnings([]Resource{{"apps", true, true}})
	if !slices.Equal(warnings, []string{`excludeGroups: no resource has group "app"`}) {
		t.Error(warnings)
	}
}
