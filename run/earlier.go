package run

import (
	"encoding/json"

	"reprise/internal/build"
	"reprise/internal/hub"
	"reprise/internal/yamlfile"
)

// A run directory that a program of contract 1 began ends its schedule at the last step: that program had no key schedule_end.
// Its digests are those of a recipe with the key at its default, so the directory itself has to tell.

// keepSchedule lets a resumed run of an earlier program keep its schedule.
func (r *Run) keepSchedule() {
	if r.earlier = r.resumed && r.begunEarlier(); !r.earlier {
		return
	}
	r.Recipe.ScheduleEnd = "last"
	if r.Recipe.Schedule != "constant" {
		r.Notices = append(r.Notices, "this run was begun by a program without schedule_end and goes on with schedule_end: last; "+
			"a new run ends its schedule one step after the last")
	}
}

// begunEarlier reads the version of the contract from run.json, or if that file is missing looks for the key in recipe.yaml.
func (r *Run) begunEarlier() bool {
	var about runInfo
	if text, err := hub.Read(r.path(runFile), maxBaseFile); err == nil && json.Unmarshal(text, &about) == nil {
		return about.Contract < build.ScheduleEndContract
	}
	text, err := hub.Read(r.path(recipeFile), yamlfile.MaxBytes)
	if err != nil {
		return false
	}
	var written map[string]any
	if yamlfile.Decode(text, &written) != nil {
		return false
	}
	_, there := written["schedule_end"]
	return !there
}
