package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"reprise/internal/tiny"
	"reprise/replay"
	"reprise/tensor"
)

// durable is a directory with a model and enough text for some seconds of recording, and the record of an uninterrupted run.
type durable struct {
	dir  string
	want []byte
}

func newDurable(t *testing.T) *durable {
	t.Helper()
	d := &durable{dir: t.TempDir()}
	if err := tiny.Write(d.dir); err != nil {
		t.Fatal(err)
	}
	rng := tensor.NewRNG(1, "durable", 0)
	words := strings.Fields("red blue lamp stone river seven open close the a and of runs sings quickly never")
	var lines bytes.Buffer
	for range 1200 {
		var s []string
		for range 12 {
			s = append(s, words[rng.Intn(len(words))])
		}
		line, err := json.Marshal(map[string]string{"prompt": strings.Join(s[:4], " "), "completion": strings.Join(s[4:], " ")})
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	if err := os.WriteFile(filepath.Join(d.dir, "long.jsonl"), lines.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(d.dir, "whole.replay")
	if text, err := d.record(out).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var err error
	if d.want, err = os.ReadFile(out); err != nil {
		t.Fatal(err)
	}
	return d
}

// record is the command that a user would give, in a process of its own.
func (d *durable) record(out string) *exec.Cmd {
	return exec.Command("reprise", "--threads", "1", "record", "--model", filepath.Join(d.dir, "base"), "--data", filepath.Join(d.dir, "long.jsonl"), "--out", out, "--quiet")
}

// A recording that is killed at 20 random moments and started again each time gives the same bytes as an uninterrupted one.
func TestKilledRecordingGoesOn(t *testing.T) {
	d := newDurable(t)
	out := filepath.Join(d.dir, "killed.replay")
	rng := tensor.NewRNG(2, "kill", 0)
	const kills = 20
	attempts := 0
	for killed := 0; killed < kills; {
		// A moment is a size of the file at which the process is killed; the first is before the file exists.
		moment := int64(float64(len(d.want)) * (float64(killed) + rng.Float64()) / kills)
		if killed == 0 {
			moment = 0
		}
		cmd := d.record(out)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		finished := false
		for !finished {
			info, err := os.Stat(out + ".partial")
			if moment == 0 || err == nil && info.Size() >= moment {
				break
			}
			select {
			case err := <-ended:
				if err != nil {
					t.Fatal(err)
				}
				finished = true
			default:
			}
		}
		if finished { // it ended before it was killed: this does not count, and the next attempt starts again
			if attempts++; attempts > 5*kills {
				t.Fatal("the recordings end before they can be killed")
			}
			os.Remove(out)
			continue
		}
		cmd.Process.Kill()
		<-ended
		killed++
	}
	text, err := d.record(out).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if !strings.Contains(string(text), "continuing ") {
		t.Errorf("the last run did not continue: %s", text)
	}
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, d.want) {
		t.Errorf("the record differs from an undisturbed one's: %v", err)
	}
}

// On a full disk the error says so and what to do, no file is corrupt, and the recording continues once there is room.
func TestFullDisk(t *testing.T) {
	d := newDurable(t)
	disk := filepath.Join(d.dir, "disk")
	if err := os.Mkdir(disk, 0o777); err != nil {
		t.Fatal(err)
	}
	size := func(flags uintptr, bytes int) error {
		return syscall.Mount("tmpfs", disk, "tmpfs", flags, fmt.Sprint("size=", bytes))
	}
	if err := size(0, 1<<20); err != nil {
		t.Skipf("NOT TESTED: a full disk needs the right to mount a small tmpfs: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	out := filepath.Join(disk, "r.replay")
	const page = 4096
	total := len(d.want) / page * page // one page less than the whole record
	for _, room := range []int{page, total / 3, total / 3, total} {
		if err := size(syscall.MS_REMOUNT, room); err != nil {
			t.Fatal(err)
		}
		text, err := d.record(out).CombinedOutput()
		if err == nil || !strings.Contains(string(text), "no space left on device") || !strings.Contains(string(text), "make room, then record again with the same settings") {
			t.Errorf("%d bytes: %v: %s", room, err, text)
		}
		if strings.Contains(string(text), "panic") || strings.Count(string(text), "no space left") != 1 {
			t.Errorf("the error is said more than once: %s", text)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%d bytes: a record that is not whole has its final name", room)
		}
	}
	if err := size(syscall.MS_REMOUNT, 4*len(d.want)); err != nil {
		t.Fatal(err)
	}
	text, err := d.record(out).CombinedOutput()
	if err != nil || !strings.Contains(string(text), "continuing ") {
		t.Fatalf("with room again: %v: %s", err, text)
	}
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, d.want) {
		t.Errorf("the record differs from an undisturbed one's: %v", err)
	}

	// A merge that does not fit leaves no file.
	if err := size(syscall.MS_REMOUNT, len(d.want)*3/2); err != nil {
		t.Fatal(err)
	}
	merged := filepath.Join(disk, "m.replay")
	text, err = exec.Command("reprise", "record", "merge", "--out", merged, out).CombinedOutput()
	if err == nil || !strings.Contains(string(text), "no space left on device") {
		t.Errorf("merge: %v: %s", err, text)
	}
	if entries, err := os.ReadDir(disk); err != nil || len(entries) != 1 {
		t.Errorf("the failed merge left %v, %v", entries, err)
	}
	if err := replay.Verify(out); err != nil {
		t.Error(err)
	}
}

// A command that waits for its input does not notice the first Ctrl-C; a second one still ends it.
func TestSecondInterruptEndsTheProcess(t *testing.T) {
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(dir, "text.jsonl")
	if err := syscall.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("reprise", "tokenize", "--model", filepath.Join(dir, "base"), "--jsonl", fifo)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	f, err := os.OpenFile(fifo, os.O_WRONLY, 0) // returns when the command reads
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// Two signals at once may count as one, so they are sent until the command has seen two. They are not sent faster because Go
	// ends a process by raising the signal inside its handler, and too many of them overflow the handler's stack.
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); {
		cmd.Process.Signal(os.Interrupt)
		select {
		case err := <-ended:
			if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGINT {
				t.Errorf("ended with %v", err)
			}
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Error("no number of interrupts ends a command that waits")
	cmd.Process.Kill()
	<-ended
}
