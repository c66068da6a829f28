// Package export_minutebook_filter_filter is the glue between the component model and the rule:
// wit_exports.go, which wit-bindgen generated from wit/filter.wit, calls the two functions here.
// What is decided, and in which words, is in package rule.
package export_minutebook_filter_filter

import (
	"fmt"
	"slices"

	wit "wit_component/minutebook_filter_filter"
	"wit_component/rule"

	"go.bytecodealliance.org/pkg/wit/types"
)

// What Configure was given; an instance is configured once.
var settings rule.Settings

// Configure takes the settings.
func Configure(json string) (result types.Result[types.Unit, string]) {
	defer failed(&result)
	var err error
	if settings, err = rule.Read(json); err != nil {
		return types.Err[types.Unit](err.Error())
	}
	return types.Ok[types.Unit, string](types.Unit{})
}

// Select decides on every resource.
func Select(target wit.Target, resources []wit.ApiResource) (result types.Result[wit.Selection, string]) {
	defer failed(&result)
	side := rule.Namespaces
	if target.Scope.Tag() == wit.Scope_Cluster {
		side = rule.Cluster
	}
	var selection wit.Selection
	var seen []rule.Resource
	for _, resource := range resources {
		seen = append(seen, rule.Resource{
			Group:      resource.Group,
			Namespaced: resource.Namespaced,
			Listable:   slices.Contains(resource.Verbs, "list"),
		})
	}
	for _, resource := range seen {
		selected, reason := settings.Decide(side, resource)
		selection.Verdicts = append(selection.Verdicts, wit.Verdict{Selected: selected, Reason: reason})
	}
	selection.Warnings = settings.Warnings(seen)
	return types.Ok[wit.Selection, string](selection)
}

// failed makes an error of a panic, which would otherwise be a bare trap: what Go writes about it
// goes nowhere.
func failed[T any](result *types.Result[T, string]) {
	if panicked := recover(); panicked != nil {
		*result = types.Err[T](fmt.Sprint("panic: ", panicked))
	}
}
