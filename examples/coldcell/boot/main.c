/* Two-slot boot loader. It runs a slot only if hash, Ed25519 signature, board
 * and security counter are right. A new image gets one trial; if it resets
 * before it was confirmed, the slot confirmed before runs again. */
#include "image.h"
#include "sha512.h"
#include "monocypher.h"
extern const uint8_t image_key[44];
static const uint8_t *const public_key = image_key + 12; /* after the DER header */

static int signature_ok(const uint8_t sig[64], const uint8_t *msg, uint32_t n) { /* RFC 8032 */
  sha512_t c; uint8_t k[64], r[32];
  sha512_init(&c);
  sha512_update(&c, sig, 32); sha512_update(&c, public_key, 32); sha512_update(&c, msg, n);
  sha512_final(&c, k);
  crypto_eddsa_reduce(r, k);
  return crypto_eddsa_check_equation(sig, public_key, r) == 0;
}
static uint32_t security_counter(int s) {
  uint32_t v = 0; const uint8_t *p = img(s)->prot_tlv ? tlv(s, 1, TLV_SEC_CNT, 4) : 0;
  if (p) memcpy(&v, p, 4);
  return v;
}
static enum verdict check(int s, const struct state *st) {
  const struct img_hdr *h = img(s);
  sha512_t c; uint8_t digest[64];
  if (h->magic == 0xffffffffu) return V_EMPTY;
  if (!has_image(s)) return V_HEADER;
  sha512_init(&c);
  sha512_update(&c, h, h->hdr_size + h->size + h->prot_tlv);
  sha512_final(&c, digest);
  const uint8_t *want = tlv(s, 0, TLV_SHA512, 64), *sig = tlv(s, 0, TLV_ED25519, 64);
  if (!want || memcmp(want, digest, 64)) return V_HASH;
  if (!sig) return V_UNSIGNED;
  if (!signature_ok(sig, digest, 64)) return V_SIGNATURE;
  const uint8_t *class_id = h->prot_tlv ? tlv(s, 1, TLV_CLASS_ID, 16) : 0;
  if (!class_id || memcmp(class_id, PARAMS->class_id, 16)) return V_BOARD;
  if (security_counter(s) < st->floor) return V_DOWNGRADE;
  return V_OK;
}
/* -1: nothing may run */
static int choose(const enum verdict v[2], const struct state *st) {
  for (int s = 0; s < 2; s++)
    if (!v[s] && is_pending(s) && !is_set(T_TRIED(s)) && !is_set(T_CONFIRMED(s))) return s;
  int p = (int)st->primary & 1;
  for (int i = 0; i < 2; i++, p = 1 - p)
    if (!v[p] && is_set(T_CONFIRMED(p))) return p;
  for (int s = 0; s < 2; s++) /* an unconfirmed image is better than a dead device */
    if (!v[s] && is_set(T_TRIED(s))) return s;
  return -1;
}
static void show(int s, enum verdict v) {
  put("SLOT "); put_dec((uint32_t)s); put(" "); put(verdict_name[v]);
  if (has_image(s)) { put(" "); put_dec(img(s)->major); put("."); put_dec(img(s)->minor); put("."); put_dec(img(s)->rev); }
  if (v == V_OK) put(is_set(T_CONFIRMED(s)) ? " confirmed" : is_set(T_TRIED(s)) ? " tried" : is_pending(s) ? " pending" : " unmarked");
  put("\r\n");
}
int main(void) {
  struct state st; enum verdict v[2];
  board_init();
  if (RETAINED->magic != RETAIN_MAGIC) { memset((void *)RETAINED, 0, sizeof *RETAINED); RETAINED->magic = RETAIN_MAGIC; }
  RETAINED->last = RETAINED->reason;
  RETAINED->reason = R_LOST; /* stands if the next reset comes without a word */
  RETAINED->ran = RETAINED->up;
  RETAINED->up = 0;
  state_load(&st);
  st.boots++;
  if (RETAINED->last >= R_WATCHDOG) st.crashes++;
  put("BOOT n="); put_dec(st.boots); put(" reset="); put(reason_name[RETAINED->last]); put("\r\n");
  if (st.trial && !is_set(T_CONFIRMED(st.trial - 1))) {
    st.rollbacks++;
    put("FELL BACK from slot "); put_dec(st.trial - 1); put("\r\n");
  }
  st.trial = 0;
  for (int s = 0; s < 2; s++) { v[s] = check(s, &st); show(s, v[s]); }
  int s = choose(v, &st);
  if (s < 0) { put("NO BOOTABLE IMAGE\r\n"); state_save(&st); board_exit(2); }
  if (is_set(T_CONFIRMED(s))) {
    st.primary = (uint32_t)s;
    if (security_counter(s) > st.floor) st.floor = security_counter(s);
  } else {
    if (!is_set(T_TRIED(s))) set_flag(T_TRIED(s)); /* before the trial: at most one, even over a power cut */
    st.trial = (uint32_t)s + 1;
  }
  state_save(&st);
  int o = 1 - s;
  RETAINED->slot = (uint32_t)s;
  RETAINED->other = v[o] == V_OK && is_set(T_TRIED(o)) && !is_set(T_CONFIRMED(o)) ? V_FELL_BACK : v[o];
  put("START slot "); put_dec((uint32_t)s); put("\r\n");
  wdt_start(WDT_MS);
  board_start(SLOT(s), img(s)->hdr_size, img(s)->size);
  return 0;
}
