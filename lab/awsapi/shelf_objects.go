package awsapi

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/accesslog"
	"github.com/alblab/alblab/lab/evidence/connlog"
)

// slot is one file of a load balancer's log, a node's five minutes, or of the flow log, without a node.
type slot struct {
	kind evidence.Kind
	node string
	end  int64 // Unix seconds
}

// slotLength is how much time a load balancer's log file covers.
const slotLength = 5 * time.Minute

// object is one object of a bucket. It does not change.
type object struct {
	bucket, key string
	kind        evidence.Kind // "": always there
	modified    time.Time
	content     []byte
	contentType string
	etag, crc32 string
}

// takeAccess takes lines of the access log for the file of their node and time.
func (h *shelf) takeAccess(b []byte, base int64, _ time.Time) error {
	places := linePlaces(b, base)
	for rec, err := range accesslog.Records(bytes.NewReader(b), nil) {
		if err != nil {
			return err
		}
		h.line(evidence.KindAccess, rec.NodeIP, rec.Time, places[rec.Line-1])
	}
	return nil
}

// takeConnection takes lines of the connection log.
func (h *shelf) takeConnection(b []byte, base int64, _ time.Time) error {
	places := linePlaces(b, base)
	for rec, err := range connlog.Records(bytes.NewReader(b), nil) {
		if err != nil {
			return err
		}
		h.line(evidence.KindConnection, rec.NodeIP, rec.Time, places[rec.Line-1])
	}
	return nil
}

func linePlaces(b []byte, base int64) []place {
	var all []place
	for len(b) > 0 {
		n := bytes.IndexByte(b, '\n')
		all = append(all, place{base, int32(n)})
		b, base = b[n+1:], base+int64(n)+1
	}
	return all
}

func (h *shelf) line(k evidence.Kind, node string, t time.Time, p place) {
	s := slot{k, node, windowEnd(t, slotLength).Unix()}
	h.pending[s] = append(h.pending[s], p)
}

// publish puts into the buckets what is due now.
func (h *shelf) publish(now time.Time) {
	for s, lines := range h.pending {
		due := time.Unix(s.end, 0).UTC().Add(h.s.delivery.delay(s.kind))
		if h.s.delivery.AtOnce || due.Before(now) && h.files[s] > 0 {
			due = now // a line that came after its file makes one more
		}
		if due.After(now) {
			continue
		}
		if err := h.publishSlot(s, lines, due); err != nil {
			h.s.logger.Error("writing a log file", "kind", s.kind, "error", err)
			continue
		}
		delete(h.pending, s)
	}
	h.publishFrames(now)
}

// publishSlot makes one gzip file of lines.
func (h *shelf) publishSlot(s slot, lines []place, due time.Time) error {
	r, closer, err := h.reader(s.kind)
	if err != nil {
		return err
	}
	defer closer.Close()
	if s.kind == evidence.KindFlow {
		return h.publishFlows(s, r, lines, due)
	}
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	for _, p := range lines {
		if _, err := io.Copy(z, io.NewSectionReader(r, p.at, int64(p.len)+1)); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	prefix := accessPrefix
	if s.kind == evidence.KindConnection {
		prefix = connectionPrefix
	}
	node := s.node
	if node == "" {
		node = h.s.id.Nodes[0].Public.String()
	}
	key := evidence.Key{Kind: s.kind, Prefix: prefix, Account: h.s.id.Account, Region: h.s.id.Region, Name: h.s.id.LoadBalancer,
		Time: time.Unix(s.end, 0).UTC(), Folder: due, Node: node, Random: h.random(s)}
	h.files[s]++
	h.put(&object{bucket: h.s.names.logBucket, key: key.String(), kind: s.kind, modified: due, content: buf.Bytes(), contentType: "application/octet-stream"})
	return nil
}

// random is the last part of a file's name, of the form of AWS's: eight letters and digits.
func (h *shelf) random(s slot) string {
	f := fnv.New64a()
	fmt.Fprintf(f, "%s/%s/%s/%d/%d", h.s.id.LoadBalancer, s.kind, s.node, s.end, h.files[s])
	text := strconv.FormatUint(f.Sum64(), 36)
	return (text + "00000000")[:8]
}

// put adds an object.
func (h *shelf) put(o *object) {
	sum := md5.Sum(o.content)
	o.etag = `"` + hex.EncodeToString(sum[:]) + `"`
	o.crc32 = base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(o.content)))
	o.modified = o.modified.UTC().Truncate(time.Second)
	name := o.bucket + "/" + o.key
	if h.objects[name] == nil {
		i, _ := slices.BinarySearch(h.keys, name)
		h.keys = slices.Insert(h.keys, i, name)
	}
	h.objects[name] = o
}

// putFixed adds what lies in the buckets from the beginning: the markers by which Elastic Load Balancing tries its permission
// (seen in public as AWSLogs/<account>/ELBAccessLogTestFile), and the trust store's bundle.
// Assumption: the marker of connection logs is named after theirs, and both say since when the log is on.
func (h *shelf) putFixed() {
	id := h.s.id
	for prefix, what := range map[string]string{accessPrefix: "AccessLog", connectionPrefix: "ConnectionLog"} {
		text := fmt.Sprintf("Enable %s for ELB: %s at %s", what, id.LoadBalancer, id.Created.UTC().Format(isoMillis))
		h.put(&object{bucket: h.s.names.logBucket, key: fmt.Sprintf("%s/AWSLogs/%s/ELB%sTestFile", prefix, id.Account, what),
			modified: id.Created, content: []byte(text), contentType: "text/plain"})
	}
	if !h.s.off(evidence.KindWAF) {
		at := id.Created.UnixMilli()
		h.waf.add(event{at: at, arrives: at, stream: validationStream, text: validationEvent})
	}
}
