package kernel

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// Of linux/if_tun.h.
const (
	tunSetIff = 0x400454ca
	iffTun    = 0x0001
	iffNoPI   = 0x1000
)

// ifreq is struct ifreq of linux/if.h, as far as TUNSETIFF reads it.
type ifreq struct {
	name  [16]byte
	flags uint16
	_     [22]byte
}

// openTun makes a network interface in the calling thread's namespace. What is read from the file are the packets that the kernel
// sends by it, cut to the MTU by the kernel itself as there is no offloading; what is written it receives.
func openTun(name string) (*os.File, error) {
	fd, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: opening /dev/net/tun: %w", ErrUnavailable, err)
	}
	r := ifreq{flags: iffTun | iffNoPI}
	copy(r.name[:15], name)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), tunSetIff, uintptr(unsafe.Pointer(&r))); errno != 0 {
		_ = syscall.Close(fd)
		return nil, fmt.Errorf("%w: making the interface %s: %w", ErrUnavailable, name, errno)
	}
	return os.NewFile(uintptr(fd), name), nil
}
