package fidelity

import (
	"net/netip"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/flowlog"
)

// flowReasons are the fields of a flow record that differ from run to run
// (docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html).
func flowReasons() map[string]string {
	return map[string]string{
		"account-id": byID, "interface-id": byID, "vpc-id": byID, "subnet-id": byID, "instance-id": byID, "az-id": byID, "region": byID,
		"srcaddr": byAddress, "dstaddr": byAddress, "pkt-srcaddr": byAddress, "pkt-dstaddr": byAddress,
		"srcport": byID, "dstport": byID, // the listener's is the group's
		"start": byTime, "end": byTime,
	}
}

// conversation is what two flows share: the client's end and the listener's port.
type conversation struct {
	client     netip.Addr
	clientPort int
	port       int
}

// volume is what a conversation carried.
type volume struct {
	in           int64 // bytes
	out, packets int64 // bytes and packets
}

// exact reports whether packets and bytes follow from the client's hello alone: the load balancer sent no data, which its
// segments of at most 80 bytes show (IPv6 and the options of a SYN), and the hello had few enough segments not to leave
// it to chance how many acknowledgements they got.
func (v *volume) exact() bool {
	const (
		largestBare = 80
		fewSegments = 3 * 1500
	)
	return v.out <= largestBare*v.packets && v.in <= fewSegments
}

func (r *reader) flows() ([]entry, error) {
	reasons := flowReasons()
	format := flowlog.LabFormat()
	names := format.Fields()
	var line []byte
	var of []conversation // of each entry
	volumes := map[conversation]*volume{}
	all, err := collect(r, evidence.KindFlow, flowlog.Records, func(rec *flowlog.Record) (entry, int, bool) {
		c, direction := conversation{rec.SrcAddr, rec.SrcPort, rec.DstPort}, "in"
		if !r.ports[rec.DstPort] && r.ports[rec.SrcPort] {
			c, direction = conversation{rec.DstAddr, rec.DstPort, rec.SrcPort}, "out"
		} else if !r.ports[rec.DstPort] && len(r.ports) > 0 && rec.LogStatus == flowlog.OK && rec.Action == flowlog.Accept {
			return entry{}, 0, false // the load balancer's own connections
		}
		scenario, ok := r.own(c.client, time.Unix(rec.Start, 0), c.port)
		if !ok || rec.LogStatus == flowlog.NoData {
			return entry{}, 0, false
		}
		e := entry{group: r.group(scenario, c.port, direction)}
		line = format.Append(line[:0], rec)
		for i, v := range strings.Fields(string(line)) {
			e.put(names[i], v, reasons[names[i]])
		}
		of = append(of, c)
		if volumes[c] == nil {
			volumes[c] = &volume{}
		}
		volumes[c].add(rec, direction)
		return e, rec.Line, true
	})
	for i := range all {
		if volumes[of[i]].exact() {
			continue
		}
		for j, f := range all[i].fields {
			if f.name == "packets" || f.name == "bytes" {
				all[i].fields[j].reason = byNetwork
			}
		}
	}
	return all, err
}

func (v *volume) add(rec *flowlog.Record, direction string) {
	if direction == "in" {
		v.in += max(rec.Bytes, 0)
		return
	}
	v.out += max(rec.Bytes, 0)
	v.packets += max(rec.Packets, 0)
}
