package deploy

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestZZManual(t *testing.T) {
	f, err := Open("/tmp/zzlab", "")
	require.NoError(t, err)
	b, err := f.Prepare(options(t, ""))
	require.NoError(t, err)
	fmt.Println(b.Dir, b.State, b.VarFiles)
}
