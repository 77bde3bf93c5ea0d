package main

import (
	"encoding/json"

	"reprise/internal/build"
)

type versionCmd struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

func (c *versionCmd) Run(a *app) error {
	i := build.Get()
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(i)
	}
	modified := "unknown"
	if i.Modified != nil {
		modified = map[bool]string{false: "no", true: "yes"}[*i.Modified]
	}
	a.printf("version    %s\n", i.Version)
	a.printf("commit     %s\n", i.Commit)
	a.printf("modified   %s\n", modified)
	a.printf("compiler   %s\n", i.Toolchain())
	a.printf("tier       %s\n", i.Tier)
	a.printf("processor  %s\n", i.Processor)
	a.printf("contract   %d (docs/NUMERICS.md)\n", i.Contract)
	return nil
}
