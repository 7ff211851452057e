package kernel

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Command is exec.CommandContext for a program that gets a user and a network namespace of its own, in which it is root.
// Start fails where the kernel forbids that.
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	return c
}

// ip runs the program ip in the calling thread's namespace, once for each line.
func ip(lines ...string) error {
	for _, line := range lines {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: ip %s: %w: %s", ErrUnavailable, line, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// Sysctl sets a setting of the clients' side, like "net.ipv4.tcp_timestamps". Connections that are open keep what they have.
func (n *Network) Sysctl(name, value string) error {
	file := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
	if err := os.WriteFile(file, []byte(value), 0o644); err != nil {
		return fmt.Errorf("%w: setting %s: %w", ErrUnavailable, name, err)
	}
	return nil
}
