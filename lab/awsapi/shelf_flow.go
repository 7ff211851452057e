package awsapi

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/lab/evidence/parquet"
)

// publishFlows makes one file of the flow log in S3. A text file begins with a header row; a Parquet file has a column for each
// field, with underscores for hyphens.
// Source: docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html; the names of columns
// docs.aws.amazon.com/athena/latest/ug/vpc-flow-logs-parquet.html.
func (h *shelf) publishFlows(s slot, r io.ReaderAt, lines []place, due time.Time) error {
	f, err := flowlog.ParseFormat(h.s.id.FlowFormat)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	if h.s.flowFiles == "parquet" {
		err = writeParquet(&buf, f, r, lines)
	} else {
		err = writeText(&buf, f, r, lines)
	}
	if err != nil {
		return err
	}
	key := evidence.Key{Kind: s.kind, Prefix: flowPrefix, Account: h.s.id.Account, Region: h.s.id.Region, Name: h.s.names.flowLog,
		Time: time.Unix(s.end, 0).UTC().Add(-slotLength), Random: h.random(s), Parquet: h.s.flowFiles == "parquet"}
	name := key.String()
	if h.s.flowHive {
		name = fmt.Sprintf("%s/AWSLogs/aws-account-id=%s/aws-service=vpcflowlogs/aws-region=%s/%s/%s", flowPrefix, key.Account, key.Region,
			key.Time.Format("year=2006/month=01/day=02"), key.FileName())
	}
	h.files[s]++
	h.put(&object{bucket: h.s.names.logBucket, key: name, kind: s.kind, modified: due, content: buf.Bytes(), contentType: "application/octet-stream"})
	return nil
}

func writeText(w io.Writer, f *flowlog.Format, r io.ReaderAt, lines []place) error {
	z := gzip.NewWriter(w)
	if _, err := io.WriteString(z, f.Header()+"\n"); err != nil {
		return err
	}
	for _, p := range lines {
		if _, err := io.Copy(z, io.NewSectionReader(r, p.at, int64(p.len)+1)); err != nil {
			return err
		}
	}
	return z.Close()
}

// writeParquet gives numbers the types that docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html says. A value that is
// not there is null.
func writeParquet(w io.Writer, f *flowlog.Format, r io.ReaderAt, lines []place) error {
	var cols []parquet.ColumnSpec
	for _, name := range f.Fields() {
		t := parquet.Text
		switch name {
		case "version", "srcport", "dstport", "protocol", "tcp-flags", "traffic-path", "encryption-status":
			t = parquet.Int32
		case "packets", "bytes", "start", "end":
			t = parquet.Int64
		}
		cols = append(cols, parquet.ColumnSpec{Name: strings.ReplaceAll(name, "-", "_"), Type: t})
	}
	out := parquet.NewWriter(w, cols)
	row := make([]parquet.Value, len(cols))
	var buf []byte
	for _, p := range lines {
		var err error
		if buf, err = readPlace(r, p, buf); err != nil {
			return err
		}
		fields := bytes.Fields(buf)
		if len(fields) != len(cols) {
			return fmt.Errorf("a flow record of %d fields, want %d", len(fields), len(cols))
		}
		for i, v := range fields {
			row[i] = parquet.Value{Text: v}
			switch {
			case string(v) == "-":
				row[i].Null = true
			case cols[i].Type != parquet.Text:
				if row[i].Int, err = strconv.ParseInt(string(v), 10, 64); err != nil {
					return fmt.Errorf("a flow record: %s: %w", f.Fields()[i], err)
				}
			}
		}
		out.Row(row...)
	}
	return out.Close()
}
