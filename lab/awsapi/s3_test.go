package awsapi_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/connlog"
)

const logBucket = "alblab-logs-111122223333"

func (b *bench) s3() *s3.Client {
	return s3.NewFromConfig(b.config, func(o *s3.Options) { o.UsePathStyle = true })
}

// keys are the keys under a prefix, markers left out.
func (b *bench) keys(t testing.TB, bucket, prefix string) (keys []string) {
	t.Helper()
	for p := s3.NewListObjectsV2Paginator(b.s3(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix}); p.HasMorePages(); {
		o, err := p.NextPage(t.Context())
		require.NoError(t, err)
		for _, x := range o.Contents {
			if !strings.HasSuffix(*x.Key, "TestFile") {
				keys = append(keys, *x.Key)
			}
		}
	}
	return keys
}

func (b *bench) object(t testing.TB, bucket, key string) []byte {
	t.Helper()
	o, err := b.s3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	require.NoError(t, err)
	defer o.Body.Close()
	content, err := io.ReadAll(o.Body) // the SDK compares the checksum
	require.NoError(t, err)
	require.EqualValues(t, len(content), *o.ContentLength)
	require.NotEmpty(t, *o.ChecksumCRC32)
	return content
}

func unzip(t testing.TB, b []byte) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(string(b)))
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	return string(text)
}

// Log files lie under AWS's key names, gzipped, and hold each line once.
func TestLogObjects(t *testing.T) {
	b := start(t, nil)
	b.traffic(t)
	keys := b.keys(t, logBucket, "connection/")
	require.Len(t, keys, 1)
	k, err := evidence.ParseKey(keys[0])
	require.NoError(t, err)
	require.Equal(t, evidence.KindConnection, k.Kind)
	require.Equal(t, b.Endpoint().LoadBalancer, k.Name)
	require.Equal(t, "connection", k.Prefix)
	require.Equal(t, b.Lab.Now().Truncate(5*time.Minute).Add(5*time.Minute), k.Time, "the end of its five minutes")
	require.Equal(t, b.Lab.Identity().Nodes[0].Public.String(), k.Node)
	lines := 0
	for _, key := range keys {
		for r, err := range connlog.Records(strings.NewReader(unzip(t, b.object(t, logBucket, key))), nil) {
			require.NoError(t, err)
			require.Equal(t, k.Node, r.NodeIP)
			lines++
		}
	}
	require.Equal(t, 5, lines)

	b.get(t, "https", "/again", nil, nil)
	more := b.keys(t, logBucket, "connection/")
	require.Len(t, more, 2, "what has been delivered does not change")
	require.Contains(t, more, keys[0])
	markers, err := b.s3().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(logBucket), Prefix: aws.String("access/AWSLogs/111122223333/ELB")})
	require.NoError(t, err)
	require.Equal(t, "access/AWSLogs/111122223333/ELBAccessLogTestFile", *markers.Contents[0].Key)
}

func TestListObjects(t *testing.T) {
	b := start(t, nil)
	for range 6 {
		b.get(t, "https", "/", nil, nil)
		b.keys(t, logBucket, "") // delivers
	}
	all := b.keys(t, logBucket, "")
	require.Len(t, all, 12)
	for _, size := range []int32{1, 2, 5, 1000} {
		var got []string
		p := s3.NewListObjectsV2Paginator(b.s3(), &s3.ListObjectsV2Input{Bucket: aws.String(logBucket), MaxKeys: &size})
		for p.HasMorePages() {
			o, err := p.NextPage(t.Context())
			require.NoError(t, err)
			require.LessOrEqual(t, len(o.Contents), int(size))
			require.EqualValues(t, len(o.Contents), *o.KeyCount)
			for _, x := range o.Contents {
				if !strings.HasSuffix(*x.Key, "TestFile") {
					got = append(got, *x.Key)
				}
			}
		}
		require.Equal(t, all, got, size)
	}
	o, err := b.s3().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(logBucket), Delimiter: aws.String("/"), EncodingType: types.EncodingTypeUrl})
	require.NoError(t, err)
	require.Empty(t, o.Contents)
	require.Equal(t, []types.CommonPrefix{{Prefix: aws.String("access/")}, {Prefix: aws.String("connection/")}}, o.CommonPrefixes)
	one, err := b.s3().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(logBucket), Delimiter: aws.String("/"), MaxKeys: aws.Int32(1)})
	require.NoError(t, err)
	require.True(t, *one.IsTruncated)
	two, err := b.s3().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(logBucket), Delimiter: aws.String("/"), MaxKeys: aws.Int32(1), ContinuationToken: one.NextContinuationToken})
	require.NoError(t, err)
	require.Equal(t, "connection/", *two.CommonPrefixes[0].Prefix)
	require.False(t, *two.IsTruncated)
	after, err := b.s3().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(logBucket), StartAfter: &all[len(all)-2]})
	require.NoError(t, err)
	require.Len(t, after.Contents, 1)
	v1, err := b.s3().ListObjects(t.Context(), &s3.ListObjectsInput{Bucket: aws.String(logBucket), Marker: &all[len(all)-3]})
	require.NoError(t, err)
	require.Len(t, v1.Contents, 2)
	_, err = b.s3().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(logBucket), ContinuationToken: aws.String("x")})
	requireCode(t, err, "InvalidArgument")
}

func TestGetObject(t *testing.T) {
	b := start(t, nil)
	b.traffic(t)
	key := b.keys(t, logBucket, "access/")[0]
	whole := b.object(t, logBucket, key)
	in := func(r string) *s3.GetObjectInput {
		return &s3.GetObjectInput{Bucket: aws.String(logBucket), Key: &key, Range: &r}
	}
	n := len(whole)
	for r, want := range map[string]string{
		"bytes=0-9": string(whole[:10]), "bytes=10-": string(whole[10:]), "bytes=-5": string(whole[n-5:]), "bytes=3-999999": string(whole[3:]), "bytes=-999999": string(whole),
	} {
		o, err := b.s3().GetObject(t.Context(), in(r))
		require.NoError(t, err, r)
		got, err := io.ReadAll(o.Body)
		require.NoError(t, err)
		require.Equal(t, want, string(got), r)
		require.Contains(t, *o.ContentRange, "bytes ")
	}
	_, err := b.s3().GetObject(t.Context(), in("bytes=999999-"))
	requireCode(t, err, "InvalidRange")

	head, err := b.s3().HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(logBucket), Key: &key})
	require.NoError(t, err)
	require.EqualValues(t, n, *head.ContentLength)
	require.Equal(t, b.Lab.Now(), *head.LastModified)
	_, err = b.s3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(logBucket), Key: &key, IfNoneMatch: head.ETag})
	var re interface{ HTTPStatusCode() int }
	require.True(t, errors.As(err, &re))
	require.Equal(t, http.StatusNotModified, re.HTTPStatusCode())
	_, err = b.s3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(logBucket), Key: &key, IfMatch: aws.String(`"x"`)})
	requireCode(t, err, "PreconditionFailed")
	presigned, err := s3.NewPresignClient(b.s3()).PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(logBucket), Key: &key})
	require.NoError(t, err)
	r, err := http.Get(presigned.URL)
	require.NoError(t, err)
	defer r.Body.Close()
	got, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, whole, got)
}

func TestBuckets(t *testing.T) {
	b := start(t, nil)
	o, err := b.s3().ListBuckets(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, o.Buckets, 3)
	head, err := b.s3().HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String(logBucket)})
	require.NoError(t, err)
	require.Equal(t, "us-east-1", *head.BucketRegion)
	_, err = b.s3().HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("nope")})
	var notFound *types.NotFound
	require.ErrorAs(t, err, &notFound)
	_, err = b.s3().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("nope")})
	var noBucket *types.NoSuchBucket
	require.ErrorAs(t, err, &noBucket)
	_, err = b.s3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(logBucket), Key: aws.String("nope")})
	var noKey *types.NoSuchKey
	require.ErrorAs(t, err, &noKey)
	_, err = b.s3().PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(logBucket), Key: aws.String("x"), Body: strings.NewReader("x")})
	requireCode(t, err, "NotImplemented")
	location, err := b.s3().GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: aws.String(logBucket)})
	require.NoError(t, err)
	require.Empty(t, location.LocationConstraint)
	require.Equal(t, string(b.PKI().TrustStore()), string(b.object(t, "alblab-trust-store-111122223333", "trust-store/alblab-clients/ca-bundle.pem")))
	versions, err := b.s3().ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String(logBucket), Prefix: aws.String("access/")})
	require.NoError(t, err)
	require.Equal(t, "null", *versions.Versions[0].VersionId)
}
