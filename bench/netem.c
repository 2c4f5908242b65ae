/*
 * netem.c - user-space link emulator between two network namespaces
 * (for kernels without sch_netem).  Creates one TUN device in each namespace
 * and forwards IP packets between them with fixed delay, random loss and an
 * optional rate limit.  Packets stay in order (FIFO per direction).
 *
 * Build:  make netem   (or gcc -O2 -Wall -o netem netem.c)
 *
 * Usage (root):
 *   netem [-n NSA,NSB] [-i IFA,IFB] [-A IP] [-B IP] [-d MS[,MS]] [-l PCT[,PCT]]
 *         [-r MBIT[,MBIT]] [-q MS] [-L PACKETS] [-m MTU] [-s SEED]
 *
 *   -n  the two namespaces: names under /var/run/netns (made beforehand with
 *       `ip netns add NAME`), or paths such as /proc/PID/ns/net   [nsa,nsb]
 *   -i  names of the two TUN devices                              [em0,em1]
 *   -A  IPv4 address (/24) of the device in NSA                   [10.78.0.1]
 *   -B  IPv4 address (/24) of the device in NSB                   [10.78.0.2]
 *       (further addresses, IPv6, routes: `ip -n NS addr add ...` afterwards)
 *   -d  delay in ms EACH WAY (A->B[,B->A]); RTT is the sum        [0]
 *   -l  independent random loss in percent, per direction         [0]
 *   -r  rate limit in Mbit/s, per direction; 0 = unlimited        [0]
 *   -q  with -r: queue length in ms at that rate, drop-tail       [100]
 *   -L  hard limit of packets in flight per direction             [200000]
 *   -m  MTU of the devices                                        [1500]
 *   -s  random seed                                               [1]
 *
 * Prints "ready" once both devices are up.  Runs until SIGTERM/SIGINT, then
 * prints counters.  SIGUSR1: black hole (drop everything); SIGUSR2: end it.
 *
 * Example, RTT 100 ms with 1 % loss each way:
 *   ip netns add c; ip netns add p
 *   ./netem -n c,p -A 10.78.0.1 -B 10.78.0.2 -d 50 -l 1 &
 *   ip netns exec c ping 10.78.0.2
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct { uint64_t due; uint32_t len; uint8_t *buf; } pkt;
typedef struct {
    int in, out;
    uint64_t delay_ns, busy_until, queue_ns;
    double ns_per_byte, loss;
    pkt *ring; size_t cap, head, count;      /* FIFO */
    uint64_t n_in, b_in, n_out, n_lost, n_tail, n_hole, n_err, late_max;
} dir;

static volatile sig_atomic_t stop, hole;
static void on_stop(int s) { (void)s; stop = 1; }
static void on_hole(int s) { hole = s == SIGUSR1; }

static void die(const char *m) { perror(m); exit(1); }
static uint64_t now_ns(void) {
    struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + t.tv_nsec;
}
static uint64_t rs;
static double rnd(void) {                   /* xorshift64*, [0,1) */
    rs ^= rs >> 12; rs ^= rs << 25; rs ^= rs >> 27;
    return (double)((rs * 2685821657736338717ull) >> 11) / 9007199254740992.0;
}

static int open_tun(const char *ns, const char *ifn, const char *ip, int mtu) {
    char path[256];
    snprintf(path, sizeof path, strchr(ns, '/') ? "%s" : "/var/run/netns/%s", ns);
    int nfd = open(path, O_RDONLY | O_CLOEXEC);
    if (nfd < 0) die(path);
    if (setns(nfd, CLONE_NEWNET)) die("setns");
    close(nfd);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) die("/dev/net/tun");
    struct ifreq r; memset(&r, 0, sizeof r);
    strncpy(r.ifr_name, ifn, IFNAMSIZ - 1);
    r.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (ioctl(fd, TUNSETIFF, &r)) die("TUNSETIFF");
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in a; memset(&a, 0, sizeof a); a.sin_family = AF_INET;
    if (inet_pton(AF_INET, ip, &a.sin_addr) != 1) { fprintf(stderr, "bad IP %s\n", ip); exit(1); }
    memcpy(&r.ifr_addr, &a, sizeof a);
    if (ioctl(s, SIOCSIFADDR, &r)) die("SIOCSIFADDR");
    inet_pton(AF_INET, "255.255.255.0", &a.sin_addr); memcpy(&r.ifr_netmask, &a, sizeof a);
    if (ioctl(s, SIOCSIFNETMASK, &r)) die("SIOCSIFNETMASK");
    r.ifr_mtu = mtu; if (ioctl(s, SIOCSIFMTU, &r)) die("SIOCSIFMTU");
    r.ifr_qlen = 20000; if (ioctl(s, SIOCSIFTXQLEN, &r)) die("SIOCSIFTXQLEN");
    if (ioctl(s, SIOCGIFFLAGS, &r)) die("SIOCGIFFLAGS");
    r.ifr_flags |= IFF_UP | IFF_RUNNING;
    if (ioctl(s, SIOCSIFFLAGS, &r)) die("SIOCSIFFLAGS");
    memset(&r, 0, sizeof r); strcpy(r.ifr_name, "lo");
    if (!ioctl(s, SIOCGIFFLAGS, &r)) { r.ifr_flags |= IFF_UP; ioctl(s, SIOCSIFFLAGS, &r); }
    close(s);
    return fd;
}

static void rx(dir *d) {                     /* read what has arrived */
    static uint8_t tmp[65536];
    for (int i = 0; i < 64; i++) {
        ssize_t n = read(d->in, tmp, sizeof tmp);
        if (n < 0 && errno != EAGAIN && errno != EINTR) die("a device is gone");  /* else poll would spin */
        if (n <= 0) return;
        uint64_t t = now_ns();
        d->n_in++; d->b_in += n;
        if (hole) { d->n_hole++; continue; }
        if (d->loss > 0 && rnd() < d->loss) { d->n_lost++; continue; }
        if (d->ns_per_byte > 0) {
            if (d->busy_until < t) d->busy_until = t;
            if (d->busy_until - t > d->queue_ns) { d->n_tail++; continue; }
            d->busy_until += (uint64_t)(n * d->ns_per_byte);
            t = d->busy_until;
        }
        if (d->count == d->cap) { d->n_tail++; continue; }
        if (d->delay_ns == 0 && d->ns_per_byte == 0 && d->count == 0) {
            if (write(d->out, tmp, n) < 0) d->n_err++; else d->n_out++;
            continue;
        }
        pkt *p = &d->ring[(d->head + d->count++) % d->cap];
        p->due = t + d->delay_ns; p->len = n;
        p->buf = malloc(n); if (!p->buf) die("malloc");
        memcpy(p->buf, tmp, n);
    }
}
static uint64_t tx(dir *d) {                 /* deliver what is due; next due or 0 */
    uint64_t t = now_ns();
    for (int i = 0; d->count && i < 256; i++) {
        pkt *p = &d->ring[d->head];
        if (p->due > t) { t = now_ns(); if (p->due > t) break; }
        if (t - p->due > d->late_max) d->late_max = t - p->due;
        if (!hole) { if (write(d->out, p->buf, p->len) < 0) d->n_err++; else d->n_out++; }
        else d->n_hole++;
        free(p->buf);
        d->head = (d->head + 1) % d->cap; d->count--;
    }
    return d->count ? d->ring[d->head].due : 0;
}

static void two(const char *s, double *a, double *b) {
    *a = *b = atof(s); const char *c = strchr(s, ','); if (c) *b = atof(c + 1);
}
static void twos(char *s, const char **a, const char **b) {
    char *c = strchr(s, ','); if (!c) { fprintf(stderr, "need X,Y: %s\n", s); exit(1); }
    *c = 0; *a = s; *b = c + 1;
}

int main(int argc, char **argv) {
    const char *na = "nsa", *nb = "nsb", *ia = "em0", *ib = "em1", *A = "10.78.0.1", *B = "10.78.0.2";
    double dl[2] = {0, 0}, ls[2] = {0, 0}, rt[2] = {0, 0}, q = 100;
    size_t lim = 200000; int mtu = 1500, c; rs = 1;
    while ((c = getopt(argc, argv, "n:i:A:B:d:l:r:q:L:m:s:h")) != -1) switch (c) {
        case 'n': twos(optarg, &na, &nb); break;
        case 'i': twos(optarg, &ia, &ib); break;
        case 'A': A = optarg; break;
        case 'B': B = optarg; break;
        case 'd': two(optarg, &dl[0], &dl[1]); break;
        case 'l': two(optarg, &ls[0], &ls[1]); break;
        case 'r': two(optarg, &rt[0], &rt[1]); break;
        case 'q': q = atof(optarg); break;
        case 'L': lim = strtoull(optarg, 0, 10); break;
        case 'm': mtu = atoi(optarg); break;
        case 's': rs = strtoull(optarg, 0, 10); break;
        default: fprintf(stderr, "usage: see the top of netem.c\n"); return 2;
    }
    for (int i = 0; i < 2; i++)
        if (dl[i] < 0 || ls[i] < 0 || ls[i] > 100 || rt[i] < 0 || q < 0 || lim == 0 || mtu < 68 || mtu > 65535) {
            fprintf(stderr, "out of range: delay, rate, queue >= 0; loss 0-100; -L >= 1; MTU 68-65535\n"); return 2;
        }
    rs = rs * 0x9E3779B97F4A7C15ull + 1; for (int i = 0; i < 8; i++) rnd();
    int fa = open_tun(na, ia, A, mtu), fb = open_tun(nb, ib, B, mtu);
    dir d[2]; memset(d, 0, sizeof d);
    for (int i = 0; i < 2; i++) {
        d[i].in = i ? fb : fa; d[i].out = i ? fa : fb;
        d[i].delay_ns = dl[i] * 1e6; d[i].loss = ls[i] / 100;
        d[i].ns_per_byte = rt[i] > 0 ? 8000.0 / rt[i] : 0; d[i].queue_ns = q * 1e6;
        d[i].cap = lim; d[i].ring = calloc(lim, sizeof(pkt));
    }
    /* Signals are only let in while ppoll waits, so that none is missed between a look at the flags and the wait. */
    sigset_t ours, before; sigemptyset(&ours);
    sigaddset(&ours, SIGTERM); sigaddset(&ours, SIGINT); sigaddset(&ours, SIGUSR1); sigaddset(&ours, SIGUSR2);
    sigprocmask(SIG_BLOCK, &ours, &before);
    sigdelset(&before, SIGTERM); sigdelset(&before, SIGINT); sigdelset(&before, SIGUSR1); sigdelset(&before, SIGUSR2);
    struct sigaction sa; memset(&sa, 0, sizeof sa);
    sa.sa_handler = on_stop; sigaction(SIGTERM, &sa, 0); sigaction(SIGINT, &sa, 0);
    sa.sa_handler = on_hole; sigaction(SIGUSR1, &sa, 0); sigaction(SIGUSR2, &sa, 0);
    prctl(PR_SET_TIMERSLACK, 1);
    printf("ready\n"); fflush(stdout);
    struct pollfd pf[2] = {{fa, POLLIN, 0}, {fb, POLLIN, 0}};
    while (!stop) {
        uint64_t n0 = tx(&d[0]), n1 = tx(&d[1]), nx = n0 && (!n1 || n0 < n1) ? n0 : n1;
        struct timespec ts, *tp = 0;
        if (nx) {
            uint64_t t = now_ns(), w = nx > t ? nx - t : 0;
            ts.tv_sec = w / 1000000000; ts.tv_nsec = w % 1000000000; tp = &ts;
        }
        int k = ppoll(pf, 2, tp, &before);
        if (k < 0) { if (errno == EINTR) continue; die("ppoll"); }
        if (k > 0) { if (pf[0].revents) rx(&d[0]); if (pf[1].revents) rx(&d[1]); }
    }
    for (int i = 0; i < 2; i++)
        printf("%s in=%llu bytes=%llu out=%llu lost=%llu taildrop=%llu blackholed=%llu write_err=%llu max_late_ms=%.2f\n",
               i ? "B->A" : "A->B", (unsigned long long)d[i].n_in, (unsigned long long)d[i].b_in,
               (unsigned long long)d[i].n_out, (unsigned long long)d[i].n_lost, (unsigned long long)d[i].n_tail,
               (unsigned long long)d[i].n_hole, (unsigned long long)d[i].n_err, d[i].late_max / 1e6);
    return 0;
}
