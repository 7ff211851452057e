package awsapi_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"
)

// independent is an S3 by other people, gofakes3, that holds the same objects.
func (b *bench) independent(t testing.TB, bucket string, keys []string) *s3.Client {
	t.Helper()
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket(bucket))
	for _, k := range keys {
		content := b.object(t, bucket, k)
		_, err := backend.PutObject(bucket, k, map[string]string{"Content-Type": "application/octet-stream"}, bytes.NewReader(content), int64(len(content)), nil)
		require.NoError(t, err)
	}
	srv := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(srv.Close)
	config := b.config.Copy()
	config.BaseEndpoint = &srv.URL
	return s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
}

// answer is what a call answered, as far as a caller can tell: two implementations of S3 have to agree in it.
type answer struct {
	Result any
	Code   string
}

func answerOf(result any, err error) answer {
	var coded smithy.APIError
	if errors.As(err, &coded) {
		return answer{Code: coded.ErrorCode()}
	}
	if err != nil {
		return answer{Code: err.Error()}
	}
	return answer{Result: result}
}

// TestIndependentS3 asks the embedded API and an independent emulator the same through the SDK. Of both, neither is AWS; but they
// have been written from AWS's pages by different people.
func TestIndependentS3(t *testing.T) {
	b := start(t, nil)
	for range 4 {
		b.get(t, "https", "/", nil, nil)
		b.keys(t, logBucket, "") // delivers
	}
	var keys []string
	for p := s3.NewListObjectsV2Paginator(b.s3(), &s3.ListObjectsV2Input{Bucket: aws.String(logBucket)}); p.HasMorePages(); {
		o, err := p.NextPage(t.Context())
		require.NoError(t, err)
		for _, x := range o.Contents {
			keys = append(keys, *x.Key)
		}
	}
	require.GreaterOrEqual(t, len(keys), 8)
	key := keys[len(keys)-1]
	ours, theirs := b.s3(), b.independent(t, logBucket, keys)

	calls := map[string]func(*s3.Client) answer{}
	for name, in := range map[string]*s3.ListObjectsV2Input{
		"all":                         {},
		"a prefix":                    {Prefix: aws.String("connection/")},
		"a prefix in a word":          {Prefix: aws.String("conn")},
		"a prefix of nothing":         {Prefix: aws.String("nothing/")},
		"folders":                     {Delimiter: aws.String("/")},
		"folders below":               {Prefix: aws.String("access/AWSLogs/"), Delimiter: aws.String("/")},
		"folders and objects":         {Prefix: aws.String("access/AWSLogs/111122223333/"), Delimiter: aws.String("/")},
		"after a key":                 {StartAfter: &keys[2]},
		"after what is between keys":  {StartAfter: aws.String("b")},
		"in pages of three":           {MaxKeys: aws.Int32(3)},
		"a prefix in pages of one":    {Prefix: aws.String("access/"), MaxKeys: aws.Int32(1)},
		"another delimiter in a name": {Delimiter: aws.String("_")},
	} {
		calls["list "+name] = func(c *s3.Client) answer { return listing(t, c, in) }
	}
	for _, r := range []string{"", "bytes=0-0", "bytes=0-9", "bytes=10-", "bytes=-5", "bytes=3-999999", "bytes=999999-"} {
		// Not "bytes=-999999": the whole object by RFC 9110, section 14.1.2, which gofakes3 refuses.
		calls["get "+r] = func(c *s3.Client) answer {
			in := &s3.GetObjectInput{Bucket: aws.String(logBucket), Key: &key}
			if r != "" {
				in.Range = &r
			}
			return contentOf(c.GetObject(t.Context(), in))
		}
	}
	calls["head"] = func(c *s3.Client) answer {
		o, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(logBucket), Key: &key})
		if err != nil {
			return answerOf(nil, err)
		}
		return answerOf(fmt.Sprint(*o.ContentLength, *o.ETag), nil)
	}
	calls["head of no object"] = func(c *s3.Client) answer {
		_, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(logBucket), Key: aws.String("nothing")})
		return answerOf("there", err)
	}
	calls["get of no object"] = func(c *s3.Client) answer {
		return contentOf(c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(logBucket), Key: aws.String("nothing")}))
	}
	calls["get of no bucket"] = func(c *s3.Client) answer {
		return contentOf(c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("nothing-here"), Key: &key}))
	}
	calls["head of a bucket"] = func(c *s3.Client) answer {
		_, err := c.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String(logBucket)})
		return answerOf("there", err)
	}
	calls["head of no bucket"] = func(c *s3.Client) answer {
		_, err := c.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("nothing-here")})
		return answerOf("there", err)
	}
	calls["list of no bucket"] = func(c *s3.Client) answer {
		return listing(t, c, &s3.ListObjectsV2Input{Bucket: aws.String("nothing-here")})
	}
	require.Greater(t, len(calls), 20)
	for name, call := range calls {
		t.Run(name, func(t *testing.T) { require.Equal(t, call(theirs), call(ours)) })
	}
}

// listing is all pages of a listing: keys with size and ETag, and folders. Where pages end is left to S3: gofakes3 has an empty one
// at the end if the bucket has keys behind the prefix.
func listing(t *testing.T, c *s3.Client, in *s3.ListObjectsV2Input) answer {
	ask := *in
	if ask.Bucket == nil {
		ask.Bucket = aws.String(logBucket)
	}
	var lines []string
	for p := s3.NewListObjectsV2Paginator(c, &ask); p.HasMorePages(); {
		o, err := p.NextPage(t.Context())
		if err != nil {
			return answerOf(nil, err)
		}
		require.LessOrEqual(t, len(o.Contents)+len(o.CommonPrefixes), int(aws.ToInt32(cmp.Or(ask.MaxKeys, aws.Int32(1000)))))
		for _, x := range o.Contents {
			lines = append(lines, fmt.Sprint(*x.Key, " ", aws.ToInt64(x.Size), " ", aws.ToString(x.ETag)))
		}
		for _, x := range o.CommonPrefixes {
			lines = append(lines, "folder "+*x.Prefix)
		}
	}
	return answer{Result: strings.Join(lines, "\n")}
}

func contentOf(o *s3.GetObjectOutput, err error) answer {
	if err != nil {
		return answerOf(nil, err)
	}
	defer o.Body.Close()
	content, err := io.ReadAll(o.Body)
	return answerOf(fmt.Sprintf("%q %d %s", content, *o.ContentLength, aws.ToString(o.ContentRange)), err)
}
