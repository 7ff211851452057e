package awsapi_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"
)

func TestGetCallerIdentity(t *testing.T) {
	b := start(t, nil)
	who, err := sts.NewFromConfig(b.config).GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "111122223333", *who.Account)
	require.Equal(t, "arn:aws:iam::111122223333:user/alblab", *who.Arn)
}
