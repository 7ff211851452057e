package signed

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/stretchr/testify/require"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) Do(r *http.Request) (*http.Response, error) { return f(r) }

// client calls a service that answers with the next of the answers.
func client(t *testing.T, s Service, answers ...*http.Response) (*Client, *[]*http.Request) {
	t.Helper()
	var got []*http.Request
	return New(aws.Config{
		Region: "eu-west-1", HTTPClient: roundTrip(func(r *http.Request) (*http.Response, error) {
			got = append(got, r)
			require.LessOrEqual(t, len(got), len(answers))
			return answers[len(got)-1], nil
		}),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
		}),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 3, time.Millisecond })
		},
	}, s), &got
}

func answer(status int, body string, header ...string) *http.Response {
	r := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func body(t *testing.T, r *http.Request) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(b)
}

// The form of requests: docs.aws.amazon.com/athena/latest/APIReference/API_DeleteWorkGroup.html, CommonParameters and "Making HTTP
// requests" of the services' references.
func TestJSON(t *testing.T) {
	c, got := client(t, Athena(), answer(500, "<html>oops</html>"), answer(200, "{}"))
	require.NoError(t, c.JSON(t.Context(), "DeleteWorkGroup", map[string]any{"WorkGroup": "w", "RecursiveDeleteOption": true}, nil))
	require.Len(t, *got, 2, "an error of the service's is tried again")
	r := (*got)[1]
	require.Equal(t, "https://athena.eu-west-1.amazonaws.com/", r.URL.String())
	require.Equal(t, "AmazonAthena.DeleteWorkGroup", r.Header.Get("X-Amz-Target"))
	require.Equal(t, "application/x-amz-json-1.1", r.Header.Get("Content-Type"))
	require.Contains(t, r.Header.Get("Authorization"), "/eu-west-1/athena/aws4_request")
	require.JSONEq(t, `{"WorkGroup":"w","RecursiveDeleteOption":true}`, body(t, r))

	c, _ = client(t, Glue(), answer(200, `{"Database":{"Name":"d"}}`))
	var out struct{ Database struct{ Name string } }
	require.NoError(t, c.JSON(t.Context(), "GetDatabase", map[string]string{"Name": "d"}, &out))
	require.Equal(t, "d", out.Database.Name)
}

// The answer's form: docs.aws.amazon.com/IAM/latest/APIReference/API_ListRolePolicies.html.
func TestQuery(t *testing.T) {
	c, got := client(t, IAM(), answer(200, `<ListRolePoliciesResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListRolePoliciesResult><PolicyNames>
<member>write</member></PolicyNames><IsTruncated>false</IsTruncated></ListRolePoliciesResult></ListRolePoliciesResponse>`))
	var out struct {
		Names []string `xml:"ListRolePoliciesResult>PolicyNames>member"`
	}
	require.NoError(t, c.Query(t.Context(), "ListRolePolicies", map[string][]string{"RoleName": {"r"}}, &out))
	require.Equal(t, []string{"write"}, out.Names)
	r := (*got)[0]
	require.Equal(t, "https://iam.amazonaws.com/", r.URL.String())
	require.Contains(t, r.Header.Get("Authorization"), "/us-east-1/iam/aws4_request")
	require.Equal(t, "Action=ListRolePolicies&RoleName=r&Version=2010-05-08", body(t, r))
}

func TestErrors(t *testing.T) {
	tests := []struct {
		name string
		s    Service
		a    *http.Response
		code string
		text string
	}{
		{"JSON", Glue(), answer(400, `{"__type":"EntityNotFoundException","Message":"Database d not found."}`), "EntityNotFoundException", "Glue Do: EntityNotFoundException: Database d not found."},
		{"JSON with a namespace", ACM(), answer(400, `{"__type":"com.amazonaws.acm#ResourceInUseException","message":"in use"}`, "X-Amzn-Requestid", "r-1"), "ResourceInUseException", "in use (request r-1)"},
		{"the header", Athena(), answer(400, `{"Message":"WorkGroup w is not found."}`, "X-Amzn-Errortype", "InvalidRequestException:http://x/"), "InvalidRequestException", "is not found"},
		{"IAM", IAM(), answer(404, `<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>The role with name r cannot be found.</Message></Error><RequestId>r-2</RequestId></ErrorResponse>`),
			"NoSuchEntity", "IAM Do: NoSuchEntity: The role with name r cannot be found. (request r-2)"},
		{"EC2", Service{Title: "EC2", Name: "ec2"}, answer(403, `<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors><RequestID>r-3</RequestID></Response>`),
			"UnauthorizedOperation", "EC2 Do: UnauthorizedOperation: no (request r-3)"},
		{"a proxy's page", IAM(), answer(404, "not here"), "UnknownError", "HTTP Not Found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := client(t, tt.s, tt.a)
			var err error
			if tt.s.Target != "" {
				err = c.JSON(t.Context(), "Do", nil, nil)
			} else {
				err = c.Query(t.Context(), "Do", nil, nil)
			}
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tt.code, e.ErrorCode())
			require.ErrorContains(t, err, tt.text)
		})
	}
}

func TestEndpoints(t *testing.T) {
	ec2 := Service{Name: "ec2"}
	for _, tt := range []struct {
		s               Service
		region          string
		address, signed string
	}{
		{ec2, "eu-west-1", "https://ec2.eu-west-1.amazonaws.com/", "eu-west-1"},
		{ec2, "cn-north-1", "https://ec2.cn-north-1.amazonaws.com.cn/", "cn-north-1"},
		{IAM(), "eu-west-1", "https://iam.amazonaws.com/", "us-east-1"},
		{IAM(), "cn-northwest-1", "https://iam.cn-north-1.amazonaws.com.cn/", "cn-north-1"},
		{IAM(), "us-gov-east-1", "https://iam.us-gov.amazonaws.com/", "us-gov-west-1"},
	} {
		address, signing := endpoint(tt.s, tt.region)
		require.Equal(t, tt.address, address)
		require.Equal(t, tt.signed, signing)
	}
	own := "http://127.0.0.1:1"
	require.Equal(t, own+"/", New(aws.Config{Region: "eu-west-1", BaseEndpoint: &own}, Glue()).endpoint)
}

func FuzzRefusal(f *testing.F) {
	f.Add(true, 503, []byte("<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>m</Message></Error></Errors></Response>"))
	f.Add(true, 400, []byte("<Response><Errors></Errors></Response>"))
	f.Add(false, 400, []byte(`{"__type":"a#b:c"}`))
	f.Fuzz(func(t *testing.T, query bool, status int, b []byte) {
		c := &Client{s: Glue()}
		if query {
			c.s = IAM()
		}
		var e *Error
		if err := c.refusal("X", &http.Response{StatusCode: status, Header: http.Header{}}, b); !errors.As(err, &e) || e.Code == "" && query {
			t.Fatalf("error %v", err)
		}
	})
}
