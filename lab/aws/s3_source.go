package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/alblab/alblab/lab/evidence"
)

// EvidenceObject is an object of a bucket that holds evidence.
type EvidenceObject struct {
	Object
	Kind   evidence.Kind
	Format string // as evidence.Detect says it
}

// URL returns s3://bucket/key.
func (o Object) URL() string { return "s3://" + o.Bucket + "/" + o.Key }

// ParseS3URL reads s3://bucket/prefix; the prefix may be empty.
func ParseS3URL(s string) (bucket, prefix string, err error) {
	rest, ok := strings.CutPrefix(s, "s3://")
	bucket, prefix, _ = strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return "", "", problem("like s3://my-logs/AWSLogs/", "%q is no s3://BUCKET/PREFIX", s)
	}
	return bucket, prefix, nil
}

// EvidenceObjects lists what lies under a prefix and is evidence, in the order of keys. AWS's own key names tell the kind; of
// other objects the first bytes are read. Skipped names the others.
func (c *Clients) EvidenceObjects(ctx context.Context, bucket, prefix string) (found []EvidenceObject, skipped []evidence.Skipped, err error) {
	var other []Object
	err = c.Objects(ctx, bucket, prefix, func(o Object) bool {
		switch k, err := evidence.ParseKey(o.Key); {
		case strings.HasSuffix(o.Key, "/") && o.Size == 0: // a folder, as the console makes them
		case err == nil:
			found = append(found, EvidenceObject{Object: o, Kind: k.Kind})
		case strings.HasSuffix(path.Base(o.Key), "TestFile"), path.Base(o.Key) == "aws-logs-write-test":
			skipped = append(skipped, evidence.Skipped{Name: o.URL(), Reason: "a marker that AWS writes to try its permission"})
		default:
			other = append(other, o)
		}
		return true
	})
	if err != nil {
		return nil, nil, err
	}
	for _, o := range other {
		kind, format, err := c.sniff(ctx, o)
		switch {
		case err != nil:
			return nil, nil, err
		case kind == "":
			skipped = append(skipped, evidence.Skipped{Name: o.URL(), Reason: "not recognised as evidence"})
		default:
			found = append(found, EvidenceObject{Object: o, Kind: kind, Format: format})
		}
	}
	return found, skipped, nil
}

// sniff reads an object's first bytes.
func (c *Clients) sniff(ctx context.Context, o Object) (evidence.Kind, string, error) {
	const enough = 64 << 10
	body, err := c.OpenObject(ctx, o)
	if err != nil {
		return "", "", err
	}
	defer body.Close()
	first := make([]byte, enough)
	n, err := io.ReadFull(evidence.Decompress(body), first)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && n == 0 {
		return "", "", nil // damaged gzip: no evidence that could be read
	}
	kind, format := evidence.Detect(first[:n], path.Base(o.Key))
	return kind, format, nil
}

// OpenObject reads one object as it comes, of any size.
func (c *Clients) OpenObject(ctx context.Context, o Object) (io.ReadCloser, error) {
	out, err := c.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: &o.Bucket, Key: &o.Key})
	if err != nil {
		return nil, explain(err, "reading %s", o.URL())
	}
	return &objectBody{out.Body, o}, nil
}

// objectBody names the object in errors.
type objectBody struct {
	io.ReadCloser
	o Object
}

func (b *objectBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("reading %s: %w", b.o.URL(), err)
	}
	return n, err
}
