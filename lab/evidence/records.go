package evidence

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// Yield gives yield what next returns, up to io.EOF. Damage ([IsDamage]) is given too and reading goes on; any other error
// is the last. The readers of the log formats are made of it.
func Yield[T any](yield func(T, error) bool, next func() (T, error)) {
	for {
		rec, err := next()
		if err == io.EOF || !yield(rec, err) || err != nil && !IsDamage(err) {
			return
		}
	}
}

// IsDamage says whether err tells of one place that cannot be read, a *ParseError, so that reading can go on behind it.
func IsDamage(err error) bool {
	var damaged *ParseError
	return errors.As(err, &damaged)
}

// ParseTime reads a time as the load balancer's logs have it: UTC with a Z, "2026-01-02T15:04:05.000000Z".
func ParseTime(s string) (time.Time, error) {
	if !strings.HasSuffix(s, "Z") {
		return time.Time{}, strconv.ErrSyntax
	}
	return time.Parse(time.RFC3339Nano, s)
}

// ParseSeconds reads decimal seconds exactly, "0.004"; -1 where s is empty.
func ParseSeconds(s string) (time.Duration, error) {
	if s == "" {
		return -1, nil
	}
	whole, frac, _ := strings.Cut(s, ".")
	n, err := strconv.ParseUint(whole, 10, 31)
	if err != nil || len(frac) > 9 {
		return 0, strconv.ErrSyntax
	}
	d := time.Duration(n) * time.Second
	unit := time.Second
	for i := range len(frac) {
		c := frac[i] - '0'
		if c > 9 {
			return 0, strconv.ErrSyntax
		}
		unit /= 10
		d += time.Duration(c) * unit
	}
	return d, nil
}
