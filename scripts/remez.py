#!/usr/bin/env python3
"""Derives the polynomial coefficients of package asm.

Every polynomial P(z) approximates f(z) on an interval in the sense of the
weighted minimax norm max |w(z) (P(z) - f(z))|. The exchange runs in 60
digits. Coefficients are then rounded to the working precision. Where that
costs accuracy (refit), they are rounded from the lowest degree up, and the
remaining ones are fitted again after each rounding, so that the others
compensate for the rounding of one coefficient. Where zero lies inside the
interval (settle), all are rounded and then moved in pairs by a few units of
the last place as long as that makes the error smaller.

Needs mpmath. Prints Go constants in hexadecimal.
"""
from mpmath import mp, mpf, matrix, lu_solve, erfc, exp, atan, atanh, tanh, sin, cos, sqrt, pi, frexp

mp.dps = 60


def to_precision(x, bits):
    """x rounded to the nearest number with the given bits of mantissa."""
    if x == 0:
        return mpf(0)
    m, e = frexp(x)
    return mpf(int(mp.nint(m * mpf(2) ** bits))) * mpf(2) ** (e - bits)


def minimax(f, w, lo, hi, powers, iterations=12, grid=1500):
    """Coefficients c with sum c_j z^powers[j] closest to f; and the error."""
    n = len(powers)
    nodes = [(lo + hi) / 2 - (hi - lo) / 2 * mp.cos(pi * i / n) for i in range(n + 1)]
    points = [(lo + hi) / 2 - (hi - lo) / 2 * mp.cos(pi * i / grid) for i in range(grid + 1)]
    fw = [(f(z), w(z)) for z in points]
    pw = [[z ** p for p in powers] for z in points]
    for _ in range(iterations):
        a, b = matrix(n + 1, n + 1), matrix(n + 1, 1)
        for i, z in enumerate(nodes):
            for j, p in enumerate(powers):
                a[i, j] = w(z) * z ** p
            a[i, n] = (-1) ** i
            b[i] = w(z) * f(z)
        c = lu_solve(a, b)
        err = [wz * (sum(c[j] * q[j] for j in range(n)) - fz) for (fz, wz), q in zip(fw, pw)]
        # One extremum for each run of equal sign.
        ext, best = [], 0
        for i in range(1, len(err)):
            if err[i] * err[best] < 0:
                ext.append(best)
                best = i
            elif abs(err[i]) > abs(err[best]):
                best = i
        ext.append(best)
        while len(ext) > n + 1:
            ext.pop(0 if abs(err[ext[0]]) < abs(err[ext[-1]]) else -1)
        if len(ext) < n + 1:
            break
        nodes = [points[i] for i in ext]
    return [c[j] for j in range(n)], max(abs(e) for e in err)


def settle(f, w, lo, hi, c, bits, grid=400):
    """Moves rounded coefficients in pairs by up to two units of the last place, as long as the error falls."""
    points = [lo + (hi - lo) * (1 - mp.cos(pi * i / grid)) / 2 for i in range(grid + 1)]
    basis = [[float(w(z) * z ** p) for z in points] for p in range(len(c))]
    ulp = [float(mpf(2) ** (frexp(x)[1] - bits)) for x in c]
    off = [float(w(z) * (sum(x * z ** p for p, x in enumerate(c)) - f(z))) for z in points]
    best, moved, again = max(map(abs, off)), [0] * len(c), True
    while again:
        again = False
        for i in range(len(c)):
            for j in range(i):
                for m in range(-2, 3):
                    for n in range(-2, 3):
                        s, t = m * ulp[i], n * ulp[j]
                        e = max(abs(o + s * x + t * y) for o, x, y in zip(off, basis[i], basis[j]))
                        if e < best * (1 - 1e-9):
                            off = [o + s * x + t * y for o, x, y in zip(off, basis[i], basis[j])]
                            best, again = e, True
                            moved[i] += m
                            moved[j] += n
    return [x + n * mpf(u) for x, n, u in zip(c, moved, ulp)]


def fit(name, f, w, lo, hi, degree, bits, refit=False, settled=False):
    """Minimax and rounding; prints the constants, highest last."""
    c, e = minimax(f, w, mpf(lo), mpf(hi), list(range(degree + 1)))
    done = [] if refit else [to_precision(x, bits) for x in c]
    for k in range(len(done), degree + 1):
        rest = lambda z: f(z) - sum(d * z ** i for i, d in enumerate(done))
        c, _ = minimax(rest, w, mpf(lo), mpf(hi), list(range(k, degree + 1)))
        done.append(to_precision(c[0], bits))
    if settled:
        done = settle(f, w, mpf(lo), mpf(hi), done, bits)
    final = max(abs(w(z) * (sum(d * z ** i for i, d in enumerate(done)) - f(z)))
                for z in [mpf(lo) + (mpf(hi) - mpf(lo)) * i / 3000 for i in range(3001)])
    print(f"// {name}: minimax error 2^{float(mp.log(e, 2)):.2f}, rounded 2^{float(mp.log(final, 2)):.2f}")
    for i, d in enumerate(done):
        print(f"{name}{i} = {float(d).hex()}")


def series(first, ratio):
    """A function of z near 0 by its power series; ratio(k) = c_{k+1}/c_k."""
    def f(z):
        s, t, k = mpf(0), mpf(first), 0
        while abs(t) > mpf(10) ** -55:
            s += t
            t *= z * ratio(k)
            k += 1
            if k > 400:
                break
        return s
    return f


def main():
    half = mp.log(2) / 2 * mpf("1.0005")
    # exp(r) = 1 + r + r^2 P(r); the weight makes the error relative.
    p = series(mpf(1) / 2, lambda k: mpf(1) / (k + 3))
    fit("exp", p, lambda r: r * r / exp(r), -half, half, 4, 24)
    fit("exp64_", p, lambda r: r * r / exp(r), -half, half, 9, 53)
    # atan(q) = q + q z P(z), z = q^2.
    at = lambda z: (atan(sqrt(z)) / sqrt(z) - 1) / z if z > mpf("1e-6") else \
        -mpf(1) / 3 + z / 5 - z * z / 7 + z**3 / 9 - z**4 / 11 + z**5/13 - z**6/15 + z**7/17 - z**8/19
    wa = lambda z: z / (atan(sqrt(z)) / sqrt(z)) if z > 0 else mpf(0)
    fit("atan", at, wa, 0, 1, 7, 24, refit=True)
    # tanh(x) = x + x z P(z), |x| < 0.625.
    th = lambda z: (tanh(sqrt(z)) / sqrt(z) - 1) / z if z > mpf("1e-5") else \
        -mpf(1) / 3 + 2 * z / 15 - 17 * z * z / 315 + 62 * z**3 / 2835 - 1382 * z**4 / 155925 + 21844 * z**5 / 6081075 - 929569 * z**6 / 638512875
    wt = lambda z: z / (tanh(sqrt(z)) / sqrt(z)) if z > 0 else mpf(0)
    fit("tanh", th, wt, 0, mpf("0.390625"), 4, 24, refit=True)
    # 1 - Phi(a) = exp(-a^2/2) t P(t - 0.625), t = 1/(1 + k a): the tail of the normal distribution up to a = 13.25.
    k = to_precision(mpf("0.3"), 24)

    def tail(u):
        t = u + mpf("0.625")
        a = (1 / t - 1) / k
        return erfc(a / sqrt(mpf(2))) * exp(a * a / 2) / (2 * t)
    fit("phi", tail, lambda u: 1 / tail(u), 1 / (1 + k * mpf("13.25")) - mpf("0.625"), mpf("0.375"), 9, 24, settled=True)
    # log(m) = 2 (s + s z P(z)), z = s^2, |s| <= (sqrt 2 - 1)/(sqrt 2 + 1).
    zl = ((sqrt(2) - 1) / (sqrt(2) + 1)) ** 2 * mpf("1.001")
    fit("log", lambda z: sum(z**i / (2 * i + 3) for i in range(60)), lambda z: z, 0, zl, 8, 53)
    # The tail after the first term, for the extended logarithm of Pow.
    fit("logx", lambda z: sum(z**i / (2 * i + 5) for i in range(60)), lambda z: z * z, 0, zl, 8, 53)
    # sin(r) = r + r z S(z); cos(r) = 1 - z/2 + z^2 C(z).
    zs = (pi / 4) ** 2 * mpf("1.001")
    fit("sin", series(-mpf(1) / 6, lambda k: -mpf(1) / ((2 * k + 4) * (2 * k + 5))),
        lambda z: z, 0, zs, 5, 53)
    fit("cos", series(mpf(1) / 24, lambda k: -mpf(1) / ((2 * k + 5) * (2 * k + 6))),
        lambda z: z * z, 0, zs, 5, 53)
    for name, v, bits in [("ln2 hi 12 bits", mp.log(2), 12), ("ln2 hi 33 bits", mp.log(2), 33),
                          ("pi/2 hi 33 bits", pi / 2, 33)]:
        rest, parts = v, []
        for b in (bits, 53, 53):
            parts.append(to_precision(rest, b))
            rest -= parts[-1]
        print(name, [float(q).hex() for q in parts])
    f24 = to_precision(mp.log(2), 15)
    print("float32 ln2", float(f24).hex(), float(to_precision(mp.log(2) - f24, 24)).hex())
    print("float32 log2e", float(to_precision(1 / mp.log(2), 24)).hex(), "float64", float(1 / mp.log(2)).hex())
    print("2/pi", float(2 / pi).hex(), "pi/2 float32", float(to_precision(pi / 2, 24)).hex())
    print("third", float(to_precision(mpf(1) / 3, 53)).hex(), float(mpf(1) / 3 - to_precision(mpf(1) / 3, 53)).hex())
    print("phi k", float(k).hex(), "1/sqrt(2 pi)", float(to_precision(1 / sqrt(2 * pi), 24)).hex())
    k = 2 * sqrt(2 / pi)
    print("gelu 2k", float(to_precision(k, 24)).hex(), "0.044715*2k", float(to_precision(k * mpf("0.044715"), 24)).hex(),
          "x3", float(to_precision(3 * k * mpf("0.044715"), 24)).hex())


main()
