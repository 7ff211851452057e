package evidence

import (
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func utc(s string) time.Time {
	t, err := time.Parse("2006-01-02T15:04", s)
	if err != nil {
		panic(err)
	}
	return t
}

// The examples that AWS publishes: flow-logs-s3.html, load-balancer-access-logs.html, load-balancer-connection-logs.html,
// logging-s3.html.
func TestKeysOfTheDocumentation(t *testing.T) {
	tests := []struct {
		key  string
		want Key
	}{
		{"123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_fe123456.log.gz",
			Key{Kind: KindFlow, Account: "123456789012", Region: "us-east-1", Name: "fl-1234abcd", Time: utc("2018-06-20T16:20"), Random: "fe123456"}},
		{"s3://my-bucket/prefix/AWSLogs/123456789012/elasticloadbalancing/us-east-2/2016/05/01/123456789012_elasticloadbalancing_us-east-2_app.my-loadbalancer.1234567890abcdef_20140215T2340Z_172.160.001.192_20sg8hgm.log.gz",
			Key{Kind: KindAccess, Prefix: "s3://my-bucket/prefix", Account: "123456789012", Region: "us-east-2", Name: "app/my-loadbalancer/1234567890abcdef",
				Time: utc("2014-02-15T23:40"), Folder: utc("2016-05-01T00:00"), Node: "172.160.001.192", Random: "20sg8hgm"}},
		{"s3://amzn-s3-demo-logging-bucket/logging-prefix/AWSLogs/123456789012/elasticloadbalancing/us-east-2/2022/05/01/conn_log_123456789012_elasticloadbalancing_us-east-2_app.my-loadbalancer.1234567890abcdef_20220215T2340Z_172.160.001.192_20sg8hgm.log.gz",
			Key{Kind: KindConnection, Prefix: "s3://amzn-s3-demo-logging-bucket/logging-prefix", Account: "123456789012", Region: "us-east-2", Name: "app/my-loadbalancer/1234567890abcdef",
				Time: utc("2022-02-15T23:40"), Folder: utc("2022-05-01T00:00"), Node: "172.160.001.192", Random: "20sg8hgm"}},
		{"s3://DOC-EXAMPLE-BUCKET/AWSLogs/11111111111/WAFLogs/us-east-1/TEST-WEBACL/2021/10/28/19/50/11111111111_waflogs_us-east-1_TEST-WEBACL_20211028T1950Z_e0ca43b5.log.gz",
			Key{Kind: KindWAF, Prefix: "s3://DOC-EXAMPLE-BUCKET", Account: "11111111111", Region: "us-east-1", Name: "TEST-WEBACL", Time: utc("2021-10-28T19:50"), Random: "e0ca43b5"}},
		{"AWSLogs/1/WAFLogs/us-east-1/my_acl/2021/10/28/19/55/1_waflogs_us-east-1_my_acl_20211028T1950Z_e0.log.gz",
			Key{Kind: KindWAF, Account: "1", Region: "us-east-1", Name: "my_acl", Time: utc("2021-10-28T19:50"), Folder: utc("2021-10-28T19:55"), Random: "e0"}},
	}
	for _, tt := range tests {
		k, err := ParseKey(tt.key)
		require.NoError(t, err, tt.key)
		require.Equal(t, tt.want, k)
		require.Equal(t, path.Base(tt.key), k.FileName())
		if path.Base(tt.key) != tt.key {
			require.Equal(t, tt.key, k.String())
		}
	}
}

func TestOtherFormsOfKeys(t *testing.T) {
	k, err := ParseKey("conn_log.1_elasticloadbalancing_us-east-2_app.a.b_20220215T2340Z_192.0.2.1_r.log.gz")
	require.NoError(t, err)
	require.Equal(t, KindConnection, k.Kind)
	require.Equal(t, "AWSLogs/1/elasticloadbalancing/us-east-2/2022/02/15/conn_log_1_elasticloadbalancing_us-east-2_app.a.b_20220215T2340Z_192.0.2.1_r.log.gz", k.String())

	k, err = ParseKey("AWSLogs/aws-account-id=1/aws-service=vpcflowlogs/aws-region=us-east-1/year=2018/month=06/day=20/1_vpcflowlogs_us-east-1_fl-1_20180620T1620Z_fe.log.gz")
	require.NoError(t, err)
	require.Equal(t, "fl-1", k.Name)
	require.True(t, k.Folder.IsZero())

	k, err = ParseKey("p/AWSLogs/1/vpcflowlogs/us-east-1/2018/06/20/16/1_vpcflowlogs_us-east-1_fl-1_20180620T1620Z_fe.log.parquet")
	require.NoError(t, err)
	require.Equal(t, Key{Kind: KindFlow, Prefix: "p", Account: "1", Region: "us-east-1", Name: "fl-1", Time: utc("2018-06-20T16:20"), Random: "fe", Parquet: true}, k)
	require.Equal(t, "p/AWSLogs/1/vpcflowlogs/us-east-1/2018/06/20/1_vpcflowlogs_us-east-1_fl-1_20180620T1620Z_fe.log.parquet", k.String())

	for _, bad := range []string{"", "access.log", "AWSLogs/1/ELBAccessLogTestFile", "1_vpcflowlogs_", "1_vpcflowlogs_us-east-1_fl", "conn_log_",
		"conn_log_x.log.gz", "1_vpcflowlogs_us-east-1_fl_20189920T1620Z_fe.log.gz", "1_elasticloadbalancing_us_20180620T1620Z_fe.log.gz"} {
		_, err := ParseKey(bad)
		require.Error(t, err, bad)
	}
}

// The stamp of a flow log's file opens five minutes (1620Z holds 16:20:00 to 16:24:59, flow-logs-s3.html); that of a load
// balancer's closes them (load-balancer-access-logs.html: end-time).
func TestKeyTime(t *testing.T) {
	at := utc("2026-01-02T16:24").Add(59 * time.Second)
	require.Equal(t, utc("2026-01-02T16:20"), KeyTime(KindFlow, at))
	require.Equal(t, utc("2026-01-02T16:20"), KeyTime(KindWAF, at))
	require.Equal(t, utc("2026-01-02T16:25"), KeyTime(KindAccess, at))
	require.Equal(t, utc("2026-01-02T16:25"), KeyTime(KindConnection, at))
}

func FuzzParseKey(f *testing.F) {
	f.Add("s3://b/AWSLogs/1/elasticloadbalancing/us-east-2/2016/05/01/1_elasticloadbalancing_us-east-2_app.a.b_20140215T2340Z_192.0.2.1_r.log.gz")
	f.Add("AWSLogs/1/WAFLogs/us-east-1/my_acl/2021/10/28/19/55/1_waflogs_us-east-1_my_acl_20211028T1950Z_e0.log.gz")
	f.Add("conn_log.1_elasticloadbalancing_r_a_20220215T2340Z_n_r")
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseKey(s)
		if err != nil {
			return
		}
		again, err := ParseKey(k.FileName())
		if err != nil {
			t.Fatalf("%q: %v", k.FileName(), err)
		}
		again.Prefix, again.Folder = k.Prefix, k.Folder
		if again != k {
			t.Fatalf("%+v became %+v", k, again)
		}
	})
}
