package atomicfile

import (
	"bufio"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A device is written to and stays what it is: as root, --out /dev/null must not destroy /dev/null.
func TestWriteIntoADevice(t *testing.T) {
	dir := t.TempDir()
	null := filepath.Join(dir, "null")
	if err := unix.Mknod(null, syscall.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
		t.Skip("only root makes a copy of /dev/null:", err)
	}
	if f, err := os.OpenFile(null, os.O_WRONLY, 0); err != nil {
		t.Skip("this file system has no devices:", err)
	} else {
		f.Close()
	}
	link := filepath.Join(dir, "link")
	symlink(t, "null", link)
	for _, path := range []string{null, link} {
		if err := WriteFile(path, []byte("text")); err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Lstat(null); err != nil || info.Mode()&fs.ModeCharDevice == 0 {
		t.Errorf("the device is now %v, %v", info.Mode(), err)
	}
	if !isLink(link) {
		t.Error("the link was replaced")
	}
	full := filepath.Join(dir, "full")
	if err := unix.Mknod(full, syscall.S_IFCHR|0o666, int(unix.Mkdev(1, 7))); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(full, []byte("text")); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("a full device: %v", err)
	}
}

func TestWriteIntoAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Skip(err)
	}
	if err := WriteFile(pipe, []byte("text")); err == nil || !strings.Contains(err.Error(), "a pipe that nothing reads; start its reader first") {
		t.Errorf("without a reader: %v", err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0) // does not wait for a writer
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	got := make(chan string)
	go func() {
		text := make([]byte, 1<<18)
		n, _ := io.ReadFull(reader, text)
		got <- string(text[:n])
	}()
	want := strings.Repeat("text", 1<<16) // more than a pipe holds
	if err := WriteFile(pipe, []byte(want)); err != nil {
		t.Fatal(err)
	}
	if text := <-got; text != want {
		t.Errorf("%d bytes, want %d", len(text), len(want))
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		t.Errorf("the pipe is now %v, %v", info.Mode(), err)
	}
}

// /dev/stdout is what the process prints to, in its place after what was printed before.
func TestWriteToStandardOutput(t *testing.T) {
	if os.Getenv("ATOMICFILE_STDOUT") != "" {
		os.Stdout.WriteString("before ")
		for _, path := range []string{"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"} {
			if err := WriteFile(path, []byte(path+" ")); err != nil {
				os.Stdout.WriteString(err.Error())
			}
		}
		os.Stdout.WriteString("after")
		os.Exit(0)
	}
	if _, err := os.Stat("/dev/stdout"); err != nil {
		t.Skip(err)
	}
	const want = "before /dev/stdout /dev/fd/1 /proc/self/fd/1 after"
	run := func(stdout *os.File) {
		c := exec.Command(os.Args[0], "-test.run=^TestWriteToStandardOutput$")
		c.Env, c.Stdout = append(os.Environ(), "ATOMICFILE_STDOUT=1"), stdout
		if err := c.Run(); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	run(file)
	if text, err := os.ReadFile(file.Name()); err != nil || string(text) != want {
		t.Errorf("in a file: %q, %v", text, err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	run(w)
	w.Close()
	if text, err := io.ReadAll(bufio.NewReader(r)); err != nil || string(text) != want {
		t.Errorf("in a pipe: %q, %v", text, err)
	}
}
