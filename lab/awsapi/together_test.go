package awsapi_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/stretchr/testify/require"
)

// Callers of all services, traffic and changes at the same time: nothing is lost, and no event comes twice.
func TestTogether(t *testing.T) {
	b := start(t, nil)
	https := b.listener(t, 443).ListenerArn
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			for j := range 5 {
				b.get(t, "https", fmt.Sprintf("/%d/%d", i, j), nil, nil)
			}
		})
		wg.Go(func() {
			for range 3 {
				for name, call := range b.calls(t.Context()) {
					if err := call(); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
				b.keys(t, logBucket, "")
			}
		})
	}
	wg.Go(func() {
		for i := range 6 {
			policy := []string{"ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-TLS13-1-0-2021-06"}[i%2]
			if _, err := b.elb().ModifyListener(t.Context(), &elb.ModifyListenerInput{ListenerArn: https, SslPolicy: &policy}); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	events, _ := b.filter(t, cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(wafGroup), FilterPattern: aws.String("formatVersion")})
	require.Len(t, events, 15)
	seen := map[string]bool{}
	for _, e := range events {
		require.False(t, seen[*e.Message])
		seen[*e.Message] = true
	}
	require.Equal(t, 15.0, b.sum(t, "HTTP_Fixed_Response_Count", 100)[b.Lab.Now()])
}
