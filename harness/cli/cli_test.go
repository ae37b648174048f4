package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"edgebed/harness/apart"
	"edgebed/harness/cgroup"
	"edgebed/harness/emu/delayline"
	"edgebed/harness/sandbox"
)

// envCommand makes the test binary behave as edgebed.
const envCommand = "EDGEBED_TEST_COMMAND"

// TestMain makes the test binary behave as edgebed where a script calls it.
func TestMain(m *testing.M) {
	play()
	sandbox.Enter()
	delayline.MaybeMain()
	cgroup.MaybeMain()
	apart.MaybeMain()
	if os.Getenv(envCommand) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		context.AfterFunc(ctx, stop)
		code := Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}
	testscript.Main(m, map[string]func(){
		"edgebed": func() { os.Exit(Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs the command as users do: testdata/script/*.txtar.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Condition: func(cond string) (bool, error) {
			return cond == "sandbox" && sandbox.Probe(context.Background(), sandbox.Options{}) == nil, nil
		},
		RequireExplicitExec: true,
	})
}
