package atomicfile

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestMain is also the process that writes and is killed: see writer.
func TestMain(m *testing.M) {
	if how, path, ok := strings.Cut(os.Getenv("ATOMICFILE_WRITE"), ":"); ok {
		writeForEver(how, path)
	}
	os.Exit(m.Run())
}

// writeForEver says when it is in the middle of writing, and waits.
func writeForEver(how, path string) {
	wait := func() error {
		fmt.Println("writing")
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	}
	inDir := func(dir string) error {
		if err := WriteFile(filepath.Join(dir, "x"), []byte("half")); err != nil {
			return err
		}
		return wait()
	}
	var err error
	switch how {
	case "Write":
		err = Write(path, func(w io.Writer) error {
			if _, err := w.Write(make([]byte, 1<<17)); err != nil {
				return err
			}
			return wait()
		})
	case "CreateDir":
		err = CreateDir(path, inDir)
	case "ReplaceDir":
		err = ReplaceDir(path, inDir)
	}
	fmt.Println(err)
	os.Exit(0)
}

// writer starts a process that is in the middle of writing path.
func writer(t *testing.T, how, path string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "ATOMICFILE_WRITE="+how+":"+path)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.StdinPipe(); err != nil { // it waits for its end
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "writing\n" {
		t.Fatalf("the writing process says %q, %v", line, err)
	}
	return c
}

// temporary lists the temporary names in a directory.
func temporary(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if strings.Contains(e.Name(), mark) && !strings.HasSuffix(e.Name(), lockEnd) {
			names = append(names, e.Name())
		}
	}
	return names
}

// What a killed process left is removed by the next one that writes there. What a process that lives is writing stays, and so do
// the remains of other destinations.
func TestRemainsOfAKilledProcess(t *testing.T) {
	if tryLockHere(t) == unknown {
		t.Skip("no locks on this system")
	}
	again := map[string]func(path string) error{
		"Write":      func(path string) error { return WriteFile(path, []byte("whole")) },
		"CreateDir":  func(path string) error { return CreateDir(path, fill("whole", nil)) },
		"ReplaceDir": func(path string) error { return ReplaceDir(path, fill("whole", nil)) },
	}
	for how, write := range again {
		t.Run(how, func(t *testing.T) {
			dir := t.TempDir()
			path, other := filepath.Join(dir, "out"), filepath.Join(dir, ".out2.tmp-abcdefghijkl")
			if err := os.WriteFile(other, nil, 0o666); err != nil {
				t.Fatal(err)
			}
			killed, lives := writer(t, how, path), writer(t, how, path)
			if n := len(temporary(t, dir)); n != 3 {
				t.Fatalf("%d temporary names, want 3", n)
			}
			killed.Process.Kill()
			killed.Wait()
			if err := write(path); err != nil {
				t.Fatal(err)
			}
			if left := temporary(t, dir); len(left) != 2 || !slices.Contains(left, filepath.Base(other)) {
				t.Errorf("left: %q, want that of the process that lives, and that of another destination", left)
			}
			lives.Process.Kill()
			lives.Wait()
			if how == "CreateDir" {
				if err := os.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
			}
			if err := write(path); err != nil {
				t.Fatal(err)
			}
			if left := temporary(t, dir); len(left) != 1 {
				t.Errorf("left: %q, want only that of another destination", left)
			}
			if locks, err := filepath.Glob(filepath.Join(dir, ".*"+lockEnd)); err != nil || len(locks) > 0 {
				t.Errorf("left: %q, %v", locks, err)
			}
		})
	}
}

// Sweep, which removes everything, also leaves what a process that lives is writing.
func TestSweepLeavesWhatIsBeingWritten(t *testing.T) {
	if tryLockHere(t) == unknown {
		t.Skip("no locks on this system")
	}
	dir := t.TempDir()
	for _, how := range []string{"Write", "CreateDir"} {
		c := writer(t, how, filepath.Join(dir, how))
		if err := Sweep(dir, ""); err != nil {
			t.Fatal(err)
		}
		if left := temporary(t, dir); len(left) != 1 {
			t.Errorf("%s: left: %q, want what is being written", how, left)
		}
		c.Process.Kill()
		c.Wait()
		if err := Sweep(dir, ""); err != nil {
			t.Fatal(err)
		}
		if left := temporary(t, dir); len(left) != 0 {
			t.Errorf("%s: left: %q", how, left)
		}
	}
}

// tryLockHere says whether the test's directory has locks.
func tryLockHere(t *testing.T) state {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return tryLock(f)
}

// Names that only look like temporary ones of the destination stay.
func TestOnlyTemporaryNamesAreSwept(t *testing.T) {
	dir := t.TempDir()
	keep := []string{".a.tmp-short", ".a.tmp-ABCDEFGHIJKL", ".a.tmp-abcdefghijk1", ".a.tmp-abcdefghijklm", ".ab.tmp-abcdefghijkl", "a.tmp-abcdefghijkl"}
	for _, name := range append(keep, ".a.tmp-abcdefghijkl", ".a.tmp-234567abcdef") {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteFile(filepath.Join(dir, "a"), nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range keep {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if tryLockHere(t) != unknown {
		for _, name := range []string{".a.tmp-abcdefghijkl", ".a.tmp-234567abcdef"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				t.Errorf("%s is still there", name)
			}
		}
	}
}

// A directory that is replaced is there at every moment, where the system can do that.
func TestReplacedDirectoryIsAlwaysThere(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux")
	}
	root := t.TempDir()
	path := filepath.Join(root, "best")
	if err := ReplaceDir(path, fill("0", nil)); err != nil {
		t.Fatal(err)
	}
	probe := filepath.Join(root, "probe")
	if err := os.Mkdir(probe, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := exchange(path, probe); err != nil {
		t.Skip("this file system cannot:", err)
	}
	if err := exchange(path, probe); err != nil {
		t.Fatal(err)
	}
	stop, absent := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				absent <- n
				return
			default:
				if _, err := os.Stat(path); err != nil {
					n++
				}
			}
		}
	}()
	for range 50 {
		if err := ReplaceDir(path, func(dir string) error { return os.WriteFile(filepath.Join(dir, "x"), nil, 0o666) }); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if n := <-absent; n > 0 {
		t.Errorf("the directory was absent %d times", n)
	}
}

// Who fills a directory may lock it, as a run does with its own.
func TestTheNewDirectoryMayBeLocked(t *testing.T) {
	for _, make := range []func(string, func(string) error) error{CreateDir, ReplaceDir} {
		err := make(filepath.Join(t.TempDir(), "run"), func(dir string) error {
			if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
				t.Errorf("the new directory holds %v, %v", entries, err)
			}
			f, err := os.Open(dir)
			if err != nil {
				return err
			}
			defer f.Close()
			return Lock(f)
		})
		if err != nil {
			t.Error(err)
		}
	}
}
