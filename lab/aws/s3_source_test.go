package aws

import (
	"bytes"
	"compress/gzip"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
)

const connectionLine = `2026-09-23T07:11:27.691358Z 198.51.100.7 64326 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 0.337 "-" - - Success TID_1 secp256r1` + "\n"

// bucket answers ListObjectsV2, one key a page, and GetObject.
func bucket(t *testing.T, objects map[string]string) *Clients {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if key != "" {
			body, ok := objects[key]
			if !ok {
				w.WriteHeader(http.StatusNotFound)
				fmt.Fprint(w, `<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>`)
				return
			}
			_, _ = io.WriteString(w, body)
			return
		}
		list(w, r, objects)
	}))
	t.Cleanup(srv.Close)
	return NewClients(sdk.Config{Region: "us-east-1", BaseEndpoint: sdk.String(srv.URL),
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")})
}

func list(w http.ResponseWriter, r *http.Request, objects map[string]string) {
	type content struct {
		Key  string
		Size int
	}
	var out struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []content
	}
	var keys []string
	for k := range objects {
		if strings.HasPrefix(k, r.URL.Query().Get("prefix")) && k > r.URL.Query().Get("continuation-token") {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if len(keys) > 0 {
		out.Contents = []content{{keys[0], len(objects[keys[0]])}}
		if len(keys) > 1 {
			out.IsTruncated, out.NextContinuationToken = true, keys[0]
		}
	}
	_ = xml.NewEncoder(w).Encode(out)
}

func TestEvidenceObjects(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, connectionLine)
	require.NoError(t, z.Close())
	const folder = "logs/AWSLogs/123456789012/elasticloadbalancing/us-east-1/2026/09/23/"
	name := folder + "conn_log_123456789012_elasticloadbalancing_us-east-1_app.web.0123456789abcdef_20260923T0715Z_192.0.2.57_1a2b3c4d.log.gz"
	c := bucket(t, map[string]string{
		name: zipped.String(), "logs/AWSLogs/123456789012/ELBConnectionLogTestFile": "x", "logs/mine.txt": connectionLine,
		"logs/readme": "nothing of ours", "logs/folder/": "", "elsewhere/conn.log": connectionLine,
	})
	b, prefix, err := ParseS3URL("s3://my-bucket/logs/")
	require.NoError(t, err)
	found, skipped, err := c.EvidenceObjects(t.Context(), b, prefix)
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Equal(t, "s3://my-bucket/"+name, found[0].URL())
	require.Equal(t, "logs/mine.txt", found[1].Key)
	require.Len(t, skipped, 2)
	for _, o := range found {
		require.Equal(t, evidence.KindConnection, o.Kind)
		body, err := c.OpenObject(t.Context(), o.Object)
		require.NoError(t, err)
		text, err := io.ReadAll(evidence.Decompress(body))
		require.NoError(t, err)
		require.Equal(t, connectionLine, string(text))
		require.NoError(t, body.Close())
	}
	_, err = c.OpenObject(t.Context(), Object{Bucket: b, Key: "none"})
	require.ErrorContains(t, err, "s3://my-bucket/none")
}

func TestParseS3URL(t *testing.T) {
	for _, bad := range []string{"s3://", "s3:///x", "https://bucket/x", ""} {
		_, _, err := ParseS3URL(bad)
		require.Error(t, err, bad)
	}
	b, p, err := ParseS3URL("s3://bucket")
	require.NoError(t, err)
	require.Equal(t, [2]string{"bucket", ""}, [2]string{b, p})
}
