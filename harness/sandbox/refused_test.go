package sandbox

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
)

func TestReasons(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for _, test := range []struct {
		name       string
		files      fstest.MapFS
		privileged bool
		want       []string
	}{
		{"nothing set", fstest.MapFS{}, false, nil},
		{"all allowed", fstest.MapFS{
			"proc/sys/kernel/unprivileged_userns_clone":             file("1\n"),
			"proc/sys/kernel/apparmor_restrict_unprivileged_userns": file("0\n"),
			"proc/sys/user/max_user_namespaces":                     file("15000\n"),
		}, false, nil},
		{"Debian", fstest.MapFS{"proc/sys/kernel/unprivileged_userns_clone": file("0\n")}, false,
			[]string{"kernel.unprivileged_userns_clone=1"}},
		{"Ubuntu", fstest.MapFS{"proc/sys/kernel/apparmor_restrict_unprivileged_userns": file("1\n")}, false,
			[]string{"kernel.apparmor_restrict_unprivileged_userns=0"}},
		{"Red Hat", fstest.MapFS{"proc/sys/user/max_user_namespaces": file("0\n")}, false,
			[]string{"user.max_user_namespaces="}},
		{"root needs no user namespace", fstest.MapFS{
			"proc/sys/kernel/unprivileged_userns_clone": file("0\n"),
			"proc/sys/user/max_user_namespaces":         file("0\n"),
			"proc/sys/user/max_net_namespaces":          file("0\n"),
		}, true, []string{"user.max_net_namespaces="}},
	} {
		got := reasons(fs.FS(test.files), test.privileged)
		if len(got) != len(test.want) {
			t.Errorf("%s: %q, want %d reasons", test.name, got, len(test.want))
			continue
		}
		for i := range got {
			if !strings.Contains(got[i], test.want[i]) {
				t.Errorf("%s: %q does not say %q", test.name, got[i], test.want[i])
			}
		}
	}
}

// TestSaid checks that a probe without /proc has a cure, and that no error ends with a colon.
func TestSaid(t *testing.T) {
	missing := &fs.PathError{Op: "fork/exec", Path: "/proc/self/exe", Err: syscall.ENOENT}
	for _, tt := range []struct {
		err        error
		text, want string
	}{
		{missing, " why\n", ": why"}, {missing, "", "mount -t proc"}, {errors.New("x"), "", ""},
	} {
		if got := said(tt.err, tt.text); !strings.Contains(got, tt.want) || strings.HasSuffix(got, ": ") {
			t.Errorf("%v, %q: it said %q, want %q", tt.err, tt.text, got, tt.want)
		}
	}
}

func TestRefused(t *testing.T) {
	err := refused(syscall.EPERM)
	if _, ok := errors.AsType[*RefusedError](err); !ok || !errors.Is(err, syscall.EPERM) {
		t.Errorf("EPERM gives %v, want a RefusedError that wraps it", err)
	}
	if err := refused(syscall.ENOENT); err != syscall.ENOENT {
		t.Errorf("ENOENT gives %v, want it as it is", err)
	}
}

func TestEffective(t *testing.T) {
	for status, want := range map[string]bool{
		"Name:\tx\nCapEff:\t000001ffffffffff\n": true,
		"CapEff:\t0000000000201000\n":           true,
		"CapEff:\t0000000000200000\n":           false, // no CAP_NET_ADMIN
		"CapEff:\t00000000a80425fb\n":           false, // a container's root
		"CapEff:\tx\n":                          false,
		"":                                      false,
	} {
		if got := effective(status); got != want {
			t.Errorf("effective(%q) = %v, want %v", status, got, want)
		}
	}
}
