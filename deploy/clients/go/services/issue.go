package main

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// signingRequest is Fulcio's request for a certificate, in either of its two forms.
type signingRequest struct {
	Credentials struct {
		Token string `json:"oidcIdentityToken"`
	} `json:"credentials"`
	PublicKeyRequest struct {
		PublicKey struct {
			Content string `json:"content"`
		} `json:"publicKey"`
	} `json:"publicKeyRequest"`
	CSR []byte `json:"certificateSigningRequest"`
}

// issueHandler answers as Fulcio does. It does not ask for a proof of possession: what is signed with another key does
// not verify anyway.
func (a *authority) issueHandler(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	chain, err := a.answer(r)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"code": 3, "message": err.Error()})
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": chain}},
	})
}

func (a *authority) answer(r *http.Request) ([]string, error) {
	var request signingRequest
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody)).Decode(&request); err != nil {
		return nil, err
	}
	text := request.Credentials.Token
	if text == "" {
		text = bearer(r)
	}
	public, err := request.key()
	if err != nil {
		return nil, err
	}
	return a.chain(text, public)
}

func bearer(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// chain is a new certificate for whom the token names, and those above it, as PEM.
func (a *authority) chain(token string, public crypto.PublicKey) ([]string, error) {
	var claims struct {
		Email  string `json:"email"`
		Issuer string `json:"iss"`
	}
	if err := readClaims(token, &claims); err != nil {
		return nil, err
	}
	leaf, err := a.issue(public, claims.Email, claims.Issuer)
	if err != nil {
		return nil, err
	}
	chain := []string{}
	for _, certificate := range []*x509.Certificate{leaf, a.intermediate, a.root} {
		chain = append(chain, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})))
	}
	return chain, nil
}

// legacyHandler answers as Fulcio's first API does, which cosign v2 asks: a key as PEM in base64, the certificates as PEM.
func (a *authority) legacyHandler(w http.ResponseWriter, r *http.Request) {
	chain, err := a.legacyAnswer(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/pem-certificate-chain")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write([]byte(strings.Join(chain, "")))
}

func (a *authority) legacyAnswer(r *http.Request) ([]string, error) {
	var request struct {
		PublicKey struct {
			Content []byte `json:"content"`
		} `json:"publicKey"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody)).Decode(&request); err != nil {
		return nil, err
	}
	block, _ := pem.Decode(request.PublicKey.Content)
	if block == nil {
		return nil, errors.New("expected a PEM public key")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	return a.chain(bearer(r), public)
}

func readClaims(token string, claims any) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return fmt.Errorf("expected an identity token of three parts, found %d", len(parts))
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	return json.Unmarshal(data, claims)
}

// key is what the certificate is asked for.
func (s *signingRequest) key() (crypto.PublicKey, error) {
	if len(s.CSR) > 0 {
		block, _ := pem.Decode(s.CSR)
		if block == nil {
			return nil, errors.New("expected a PEM certificate signing request")
		}
		csr, err := x509.ParseCertificateRequest(block.Bytes)
		if err != nil {
			return nil, err
		}
		return csr.PublicKey, csr.CheckSignature()
	}
	block, _ := pem.Decode([]byte(s.PublicKeyRequest.PublicKey.Content))
	if block == nil {
		return nil, errors.New("expected a PEM public key or a signing request")
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}
