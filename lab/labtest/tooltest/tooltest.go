// Package tooltest finds the programs that tests use as independent clients and readers: tshark, openssl, curl and others.
package tooltest

import (
	"os"
	"os/exec"
	"testing"
)

// Need returns the path of a program. A test whose program is missing is skipped with the reason, or fails where
// ALBLAB_TOOLS is "required", as in .ci/run, which has installed them all.
func Need(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	switch {
	case err == nil:
		return path
	case os.Getenv("ALBLAB_TOOLS") == "required":
		t.Fatalf("%s is not installed, and ALBLAB_TOOLS=required", program)
	}
	t.Skipf("SKIPPED: %s is not installed; install it to run this test", program)
	return ""
}
