// Command reprise teaches a small language model a new domain on an ordinary CPU, and measures what it forgets.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"reprise/asm"
	"reprise/internal/build"
	"reprise/internal/keys"
	"reprise/optim"
	"reprise/replay"
	"reprise/run"
	"reprise/tensor"
)

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// maxThreads is more than the cores of any machine. There is a limit because every worker allocates memory.
const maxThreads = 1024

// app is the context that every command runs in.
type app struct {
	ctx            context.Context
	stdout, stderr io.Writer
	threads        int
	pool_          *tensor.Pool
}

// pool starts the workers, once.
func (a *app) pool() *tensor.Pool {
	if a.pool_ == nil {
		a.pool_ = tensor.NewPool(a.threads)
	}
	return a.pool_
}

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.stdout, format, args...) }

// output remembers the first error of writing, because the code that prints lines does not check for it: on a full disk, for
// example, the command has failed.
type output struct {
	io.Writer
	err error
}

func (o *output) Write(b []byte) (int, error) {
	n, err := o.Writer.Write(b)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// note writes to standard error, so that --json output stays clean.
func (a *app) note(format string, args ...any) { fmt.Fprintf(a.stderr, format+"\n", args...) }

type cli struct {
	ShowVersion kong.VersionFlag `name:"version" help:"Print the version in one line."`

	Threads int `help:"Number of worker threads; results do not depend on it. 0: one per physical core that this process may use." default:"0"`

	Demo        demoCmd        `cmd:"" help:"See the whole job in two minutes: an embedded model learns SQL in four ways, one of which keeps its English."`
	Record      recordCmd      `cmd:"" help:"Stage 0: run the base model over the data and record what it finds probable."`
	Train       trainCmd       `cmd:"" help:"Stage 1: train on a record (replay) or on text (full cross-entropy)."`
	Recipe      recipeCmd      `cmd:"" help:"The keys of a recipe: documentation, and a schema for editors."`
	Plan        planCmd        `cmd:"" help:"Memory (by part) and time that a recipe's run would take; exit code 1 if it does not fit."`
	Eval        evalCmd        `cmd:"" help:"Cross-entropy, multiple choice and exact match of a model on files."`
	Interpolate interpolateCmd `cmd:"" help:"Mix the weights of a base model and of the model trained from it: measure mixtures, or write one."`
	Compare     compareCmd     `cmd:"" help:"Run methods × learning rates × seeds on one base model, and compare what they learn, forget and cost."`
	Report      reportCmd      `cmd:"" help:"One HTML page with plots from a run or a comparison."`
	Generate    generateCmd    `cmd:"" help:"Continue a prompt."`
	Tokenize    tokenizeCmd    `cmd:"" help:"Text to token ids and back; learn a vocabulary."`
	Inspect     inspectCmd     `cmd:"" help:"Show data as tokens, a model, a record, or logits."`
	Version     versionCmd     `cmd:"" help:"Version, commit, compiler, processor and version of the arithmetic contract."`
	Doctor      doctorCmd      `cmd:"" help:"Processor, memory and peak rates of this machine, and whether it computes the right bits."`
	Verify      verifyCmd      `cmd:"" help:"Compare the engine with reference outputs of PyTorch, and with the bits that it gave before."`
	Bench       benchCmd       `cmd:"" help:"Measure the engine on this machine."`
	Export      exportCmd      `cmd:"" help:"Write a model for other programs: GGUF for llama.cpp."`
}

const about = `Teach a small language model a new domain on an ordinary CPU, and measure what it forgets.

The usual way, with a model in Hugging Face format and a JSONL file of prompts and completions:

  reprise record   --model DIR --data domain.jsonl --out domain.replay
  reprise record   --model DIR --data general.txt  --out general.replay
  reprise train    --model DIR --replay domain.replay --mix general.replay --out runs/a
  reprise eval     --model runs/a/final --base DIR --data domain=valid.jsonl --data general=text.txt
  reprise generate --model runs/a/final --prompt "..."

The same inputs give the same bits on every processor and with any number of threads.`

func main() {
	ctx, stop := interruptible()
	defer stop()
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// interruptible is a context that the first Ctrl-C cancels, so that work is saved. The second one ends the process, because a
// command may not look at the context for a long time.
func interruptible() (ctx context.Context, stop func()) {
	ctx, stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// printHelp prints a command's help and, below it, the help of its default subcommand, if it has one.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	node := ctx.Selected()
	if node == nil || node.DefaultCmd == nil {
		return nil
	}
	below, err := kong.Trace(ctx.Kong, []string{node.Name, node.DefaultCmd.Name})
	if err != nil {
		return err
	}
	fmt.Fprintf(ctx.Stdout, "\nThe default subcommand, whose name may be left out:\n\n")
	return kong.DefaultHelpPrinter(options, below)
}

// newCLI adds the flags that are made from keys; the others are fields.
func newCLI() cli {
	return cli{
		Train: trainCmd{recipeFlags: newRecipeFlags()}, Plan: planCmd{recipeFlags: newRecipeFlags()},
		Record:      recordCmd{Run: recordRunCmd{Rule: newKeyFlags(keys.Of(replay.DefaultRule())), Reading: newReadingFlags()}},
		Eval:        evalCmd{Reading: newReadingFlags()},
		Interpolate: interpolateCmd{Reading: newReadingFlags()},
		Inspect:     inspectCmd{Data: inspectDataCmd{Reading: newReadingFlags()}},
	}
}

// execute is main without the process: it returns the exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := newCLI()
	code := -1
	plainOut, plainErr := &safeWriter{Writer: stdout}, &safeWriter{Writer: stderr}
	out := &output{Writer: plainOut}
	stderr = plainErr
	defer plainErr.flush()
	parser, err := kong.New(&c, kong.Name("reprise"), kong.Description(about), kong.UsageOnError(),
		kong.Writers(out, stderr), kong.Exit(func(status int) { code = status }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Help(printHelp),
		kong.Vars{"optimizers": strings.Join(optim.Names(), ", "), "version": build.Get().String()})
	if err != nil {
		panic(err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	if err := checkText(args); err != nil {
		fmt.Fprintf(stderr, "reprise: %v\n", err)
		return exitUsage
	}
	k, err := parser.Parse(args)
	if out.err != nil {
		fmt.Fprintf(stderr, "reprise: printing the result: %v\n", out.err)
		return exitFailed
	}
	if code >= 0 { // --help or --version has been printed
		return code
	}
	if err != nil {
		fmt.Fprintf(stderr, "reprise: %v\n", guessFlag(err, run.Keys()))
		return exitUsage
	}
	if err := givenTwice(k); err != nil {
		fmt.Fprintf(stderr, "reprise: %v\n", err)
		return exitUsage
	}
	if err := asm.Err(); err != nil {
		fmt.Fprintf(stderr, "reprise: %v\n", err)
		return exitUsage
	}
	if c.Threads < 0 || c.Threads > maxThreads {
		fmt.Fprintf(stderr, "reprise: --threads %d: want 1 to %d, or 0 for the physical cores\n", c.Threads, maxThreads)
		return exitUsage
	}
	a := &app{ctx: ctx, stdout: out, stderr: stderr, threads: c.Threads}
	err = k.Run(a)
	if flushed := plainOut.flush(); out.err == nil {
		out.err = flushed
	}
	if err == nil && out.err != nil {
		err = fmt.Errorf("printing the result: %w", out.err)
	}
	if a.pool_ != nil {
		a.pool_.Close()
	}
	if err == nil {
		return exitDone
	}
	fmt.Fprintf(stderr, "reprise: %v\n", err)
	command, _, _ := strings.Cut(k.Command(), " ")
	if text := hint(command, err); text != "" {
		fmt.Fprintf(stderr, "hint: %s\n", text)
	}
	if errors.Is(err, run.ErrInterrupted) || errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	return exitFailed
}
