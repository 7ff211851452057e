package benchmark

import (
	"fmt"
	"strings"
)

// Marks around the part of the page that is kept where it cannot be measured again.
const (
	kernelBegin = "<!-- real kernel: begin -->\n"
	kernelEnd   = "<!-- real kernel: end -->\n"
)

const kernelWords = `## On a real kernel

Measured %s. Everything above was carried out by clients and TCP stacks of ours. Here other people's programs call, and the TCP is the Linux
kernel's: %s. Truth is what each was told to do, its exit code, and the list of connections that the load balancer accepted; of programs
that open as many as they like (Chromium, ab, slowhttptest, Java) also whether anything came on a connection, and whether its handshake was completed.

`

// KernelPart returns what of a page is kept, "" if it has no such part.
func KernelPart(page string) string {
	_, rest, ok := strings.Cut(page, kernelBegin)
	part, _, ended := strings.Cut(rest, kernelEnd)
	if !ok || !ended {
		return ""
	}
	return part
}

// kernel writes the part, measured now or kept.
func (r *Result) kernel(b *strings.Builder) {
	part := r.KernelKept
	if len(r.Kernel) > 0 {
		var p strings.Builder
		fmt.Fprintf(&p, kernelWords, r.KernelWords, strings.Join(r.Kernel[0].Programs, ", "))
		for _, m := range r.Kernel {
			m.markdown(&p)
			for _, o := range m.Odd {
				fmt.Fprintf(&p, "- not as it was to be: %s\n", strings.Join(strings.Fields(o), " "))
			}
			if len(m.Odd) > 0 {
				p.WriteString("\n")
			}
			if len(m.Missing) > 0 {
				fmt.Fprintf(&p, "Not installed: %s.\n\n", strings.Join(m.Missing, ", "))
			}
		}
		part = p.String()
	}
	if part != "" {
		b.WriteString(kernelBegin + part + kernelEnd + "\n")
	}
}
