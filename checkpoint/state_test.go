package checkpoint

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testState(step int) *State {
	odd := []float32{float32(math.NaN()), float32(math.Inf(-1)), math.SmallestNonzeroFloat32, float32(math.Copysign(0, -1)), float32(step), 1.0 / 3}
	return &State{
		Step:      step,
		Weights:   []NamedTensor{{Name: "a", Shape: []int{2, 3}, Data: odd}, {Name: "b", Shape: []int{2}, Data: []float32{1, 2}}},
		Optimizer: []NamedTensor{{Name: "a.m", Shape: []int{2, 3}, Data: odd}, {Name: "a.v", Data: []float32{3}}},
		Meta:      json.RawMessage(`{"seed": 1, "rate": 1e-3, "text": "a < b \u00e9"}`),
	}
}

// sameBits compares NaN and signed zeros too.
var sameBits = cmp.Comparer(func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) })

func mustSave(t testing.TB, run string, s *State) string {
	t.Helper()
	dir, err := SaveState(run, s)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestStateRoundTrip(t *testing.T) {
	run := filepath.Join(t.TempDir(), "runs", "a")
	want := testState(100)
	dir := mustSave(t, run, want)
	if dir != filepath.Join(run, "step-000100") {
		t.Error(dir)
	}
	got, err := LoadState(dir)
	if err != nil {
		t.Fatal(err)
	}
	want.Meta = json.RawMessage(`{"seed":1,"rate":1e-3,"text":"a < b \u00e9"}`)
	if diff := cmp.Diff(want, got, sameBits); diff != "" {
		t.Error(diff)
	}

	first := contents(t, dir)
	mustSave(t, run, testState(100)) // saved again: the same bytes
	wantSame(t, contents(t, dir), first)

	into := testState(7)
	into.Meta = nil
	for _, list := range [][]NamedTensor{into.Weights, into.Optimizer} {
		for _, x := range list {
			clear(x.Data)
		}
	}
	kept := into.Weights[0].Data
	if err := RestoreState(dir, into); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, into, sameBits); diff != "" {
		t.Error(diff)
	}
	if kept[4] != 100 {
		t.Error("the tensor was not filled in place")
	}
}

func TestRestoreRefusesAnotherModel(t *testing.T) {
	dir := mustSave(t, t.TempDir(), testState(3))
	for want, change := range map[string]func(*State){
		`tensor "c" is missing; the checkpoint belongs to another model`: func(s *State) { s.Weights[1].Name = "c" },
		`tensor "a.v": not expected`:                                     func(s *State) { s.Optimizer = s.Optimizer[:1] },
		`tensor "b": shape [2], want [1]`:                                func(s *State) { s.Weights[1].Shape = []int{1} },
		`tensor "b": 2 elements of F32, want 1 of F32`:                   func(s *State) { s.Weights[1].Data = []float32{9} },
	} {
		s := testState(5)
		change(s)
		if err := RestoreState(dir, s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
		if s.Step != 5 || s.Weights[0].Data[4] != 5 {
			t.Errorf("%s: the state was changed", want)
		}
	}
}

// Every byte of every file matters.
func TestDamagedState(t *testing.T) {
	dir := mustSave(t, t.TempDir(), testState(3))
	for name, whole := range contents(t, dir) {
		path := filepath.Join(dir, name)
		refused := func(what string, data string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(data), 0o666); err != nil {
				t.Fatal(err)
			}
			if _, err := LoadState(dir); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s of %s: %v", what, name, err)
			}
		}
		for i := range whole {
			if name == stateFile && strings.IndexByte(" \n", whole[i]) >= 0 {
				continue // white space in state.json has no meaning
			}
			damaged := []byte(whole)
			damaged[i] ^= 1
			refused("bit 0", string(damaged))
		}
		refused("the first half", whole[:len(whole)/2])
		refused("one byte more", whole+"x")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadState(dir); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s removed: %v", name, err)
		}
		if err := os.WriteFile(path, []byte(whole), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := LoadState(dir); err != nil {
		t.Error(err)
	}
}

func TestLatestSkipsBrokenCheckpoints(t *testing.T) {
	run := t.TempDir()
	if dir, broken, err := Latest(filepath.Join(run, "none")); dir != "" || broken != nil || err != nil {
		t.Error(dir, broken, err)
	}
	if dir, broken, err := Latest(run); dir != "" || broken != nil || err != nil {
		t.Error(dir, broken, err)
	}
	for _, step := range []int{9, 100, 1000000} {
		mustSave(t, run, testState(step))
	}
	for _, name := range []string{"step-12", "step-+00012", "step-000012x", "final", ".step-000012.tmp-abc"} {
		if err := os.Mkdir(filepath.Join(run, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	newest := filepath.Join(run, "step-1000000")
	if dir, broken, err := Latest(run); dir != newest || len(broken) != 0 || err != nil {
		t.Error(dir, broken, err)
	}
	flip(t, filepath.Join(newest, stateMoments))
	dir, broken, err := Latest(run)
	if dir != filepath.Join(run, "step-000100") || len(broken) != 1 || err != nil || !strings.Contains(broken[0].Error(), newest) {
		t.Error(dir, broken, err)
	}
	if err := os.Remove(filepath.Join(run, "step-000100", stateFile)); err != nil {
		t.Fatal(err)
	}
	if dir, broken, err = Latest(run); dir != filepath.Join(run, "step-000009") || len(broken) != 2 || err != nil {
		t.Error(dir, broken, err)
	}
}

// flip changes the last bit of a file.
func flip(t testing.TB, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestPrune(t *testing.T) {
	run := t.TempDir()
	for step := 10; step <= 60; step += 10 {
		mustSave(t, run, testState(step))
	}
	// an incomplete newer one does not count, and an incomplete older one is removed
	for _, step := range []string{"step-000060", "step-000020"} {
		if err := os.Remove(filepath.Join(run, step, stateFile)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"final", ".step-000070.tmp-abc"} {
		if err := os.Mkdir(filepath.Join(run, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := Prune(run, 0); err == nil {
		t.Error("nothing would have been kept")
	}
	if err := Prune(run, 2); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(run)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"final", "step-000040", "step-000050", "step-000060"}, names); diff != "" {
		t.Error(diff)
	}
}

// A save that fails midway leaves the directory as it was.
func TestFailedSaveState(t *testing.T) {
	run := t.TempDir()
	dir := mustSave(t, run, testState(3))
	before := contents(t, dir)
	for _, change := range []func(*State){
		func(s *State) { s.Optimizer[1].Shape = []int{2} },
		func(s *State) { s.Weights[1].Name = "a" },
		func(s *State) { s.Meta = json.RawMessage("{") },
	} {
		s := testState(3)
		change(s)
		if _, err := SaveState(run, s); err == nil || !strings.Contains(err.Error(), "saving step 3") {
			t.Error(err)
		}
	}
	if _, err := SaveState(run, &State{Step: -1}); err == nil {
		t.Error("a negative step was saved")
	}
	wantSame(t, contents(t, dir), before)
	if left, _ := os.ReadDir(run); len(left) != 1 {
		t.Errorf("%v, want only step-000003", left)
	}
}

// A bit that flips anywhere in state.json is found, or changes nothing that is read: white space, or the case of a key.
func TestDamagedStateFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "copy") // a name that does not tell the step
	step := mustSave(t, t.TempDir(), testState(7))
	if err := os.Rename(step, dir); err != nil {
		t.Fatal(err)
	}
	want, err := readHeader(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, stateFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for i := range text {
		damaged := []byte(string(text))
		damaged[i] ^= 1 << (i % 8)
		if err := os.WriteFile(path, damaged, 0o666); err != nil {
			t.Fatal(err)
		}
		have, err := readHeader(dir)
		if err != nil {
			found++
		} else if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("bit %d of byte %d: %s", i%8, i, diff)
		}
	}
	if found < len(text)*8/10 {
		t.Errorf("%d of %d flips were found", found, len(text))
	}
}

// Checkpoints of version 1, which had no sha256 of their own, are read as before.
func TestStateOfVersion1(t *testing.T) {
	dir := mustSave(t, t.TempDir(), testState(7))
	path := filepath.Join(dir, stateFile)
	var fields map[string]json.RawMessage
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &fields)
	}
	if err != nil {
		t.Fatal(err)
	}
	delete(fields, "sha256")
	write := func(version string) {
		fields["version"] = json.RawMessage(version)
		var b bytes.Buffer
		err := writeJSON(&b, fields)
		if err == nil {
			err = os.WriteFile(path, b.Bytes(), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write("1")
	if s, err := LoadState(dir); err != nil || s.Step != 7 {
		t.Errorf("version 1: %v", err)
	}
	write("2")
	if _, err := LoadState(dir); err == nil || !strings.Contains(err.Error(), "sha256; the file is damaged") {
		t.Errorf("version 2 without the hash: %v", err)
	}
	write("3")
	if _, err := LoadState(dir); err == nil || !strings.Contains(err.Error(), "version 3, this program reads 1 to 2") {
		t.Errorf("version 3: %v", err)
	}
}
