package flowlog

import (
	"strconv"
	"strings"
)

// The bits of tcp-flags. Only these are recorded, OR-ed over the window and for one direction: ACK only as part of SYN-ACK (18),
// PSH and URG never, so that a record of data alone has 0.
// Source: docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html, "tcp-flags".
const (
	FIN = 1
	SYN = 2
	RST = 4
	ACK = 16
)

// FlagNames writes a value of tcp-flags in words: 22 is "SYN RST ACK", 0 is "none", -1 is "-". Other bits are written as a number.
func FlagNames(flags int) string {
	switch {
	case flags < 0:
		return "-"
	case flags == 0:
		return "none"
	}
	var names []string
	for _, f := range []struct {
		bit  int
		name string
	}{{FIN, "FIN"}, {SYN, "SYN"}, {RST, "RST"}, {ACK, "ACK"}} {
		if flags&f.bit != 0 {
			names = append(names, f.name)
			flags &^= f.bit
		}
	}
	if flags != 0 {
		names = append(names, strconv.Itoa(flags))
	}
	return strings.Join(names, " ")
}
