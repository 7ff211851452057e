package signatures

import (
	"encoding/binary"
	"fmt"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
)

func helloTooLarge() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: HelloTooLarge,
		Doc: "The client's hello says that it is longer than a load balancer reads, 64 KiB. Only a capture shows it; in flow and connection " +
			"logs it looks like any refused hello.",
		Stage: analyzers.StageFirstFlight,
		Needs: captured,
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, r reading) (f analyzers.Finding, ok bool) {
				if !r.fit(HelloTooLarge) {
					return f, false
				}
				return byReading(r, fmt.Sprintf("the client's hello says that it has %d bytes; a load balancer reads %d at most", helloLen(c.Capture.HelloBytes), helloMost)), true
			})
		},
	}
}

// helloLen is the length that the header of a hello announces, header included; 0 if it cannot be read in the first record.
func helloLen(records []byte) int {
	const record, clientHello = 5, 1
	if len(records) < record+4 || records[record] != clientHello {
		return 0
	}
	return 4 + int(binary.BigEndian.Uint32(records[record:])&0xffffff)
}
