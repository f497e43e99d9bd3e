// Package serve shows an archive in the browser.
package serve

import (
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
	_ "golang.org/x/crypto/bcrypt"
)
