package guard

import (
	"os"
	"os/exec"
	"testing"
	"unsafe"
)

// TestAccessOutsideCrashes reads one element past either end in a process of its own.
func TestAccessOutsideCrashes(t *testing.T) {
	switch os.Getenv("GUARD_TEST") {
	case "start":
		s := Slice[float32](t, 10, true)
		t.Log(*before(s))
		return
	case "end":
		s := Slice[float32](t, 10, false)
		t.Log(*after(s))
		return
	case "inside":
		for _, atStart := range []bool{true, false} {
			s := Slice[float32](t, 10, atStart)
			s[0], s[9] = 1, 2
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	Slice[float32](t, 1, true) // or skip
	for where, crash := range map[string]bool{"start": true, "end": true, "inside": false} {
		c := exec.Command(self, "-test.run=^TestAccessOutsideCrashes$")
		c.Env = append(os.Environ(), "GUARD_TEST="+where)
		if out, err := c.CombinedOutput(); (err != nil) != crash {
			t.Errorf("%s: error %v, want a crash: %v\n%s", where, err, crash, out)
		}
	}
}

func before(s []float32) *float32 { return (*float32)(unsafe.Add(unsafe.Pointer(&s[0]), -4)) }
func after(s []float32) *float32  { return (*float32)(unsafe.Add(unsafe.Pointer(&s[len(s)-1]), 4)) }
