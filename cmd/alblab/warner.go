package main

import (
	"context"
	"log/slog"
	"strings"
)

// warner is a slog.Handler that prints what goes wrong inside of the lab as warnings of the command.
type warner struct {
	app   *app
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (w *warner) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

// Handle implements slog.Handler.
func (w *warner) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	add := func(a slog.Attr) bool {
		if a.Key == "error" {
			b.WriteString(": " + a.Value.String())
		} else {
			b.WriteString(", " + a.Key + " " + a.Value.String())
		}
		return true
	}
	for _, a := range w.attrs {
		add(a)
	}
	r.Attrs(add)
	w.app.warn("%s", strings.ReplaceAll(b.String(), "\n", "; "))
	return nil
}

// WithAttrs implements slog.Handler.
func (w *warner) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &warner{w.app, append(append([]slog.Attr(nil), w.attrs...), attrs...)}
}

// WithGroup implements slog.Handler; groups are not told apart.
func (w *warner) WithGroup(string) slog.Handler { return w }
