# What R's survival and cmprsk say of invented.csv, as lines of name and values. Run where both are installed: Rscript oracle.R > oracle.txt
library(survival)
library(cmprsk)
d <- read.csv("invented.csv")
say <- function(name, ...) cat(name, sprintf("%.15g", c(...)), "\n")
of <- function(name, fit) for (at in seq_along(fit$time)) say(name, fit$time[at], fit$surv[at], fit$lower[at], fit$upper[at], fit$n.risk[at])
for (g in c("A", "B", "C")) of(paste0("km ", g), summary(survfit(Surv(time, event) ~ 1, data = d[d$group == g, ], conf.type = "log-log")))
test <- survdiff(Surv(time, event) ~ group, data = d)
say("log_rank", test$chisq, 2, pchisq(test$chisq, 2, lower.tail = FALSE))
fitted <- function(name, model) {
  found <- summary(model)$coefficients
  for (x in rownames(found)) say(paste(name, x), found[x, "coef"], found[x, "se(coef)"], found[x, "Pr(>|z|)"])
  say(paste(name, "loglik"), model$loglik[2])
}
exact <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 50)
fitted("cox", coxph(Surv(time, event) ~ age + bridging + burden, data = d, ties = "efron", control = exact))
fitted("strata", coxph(Surv(time, event) ~ age + bridging + burden + strata(group), data = d, ties = "efron", control = exact))
model <- crr(d$time, d$cause, as.matrix(d[, c("age", "bridging", "burden")]), failcode = 1, cencode = 0, gtol = 1e-12, maxiter = 100)
for (x in names(model$coef)) say(paste("fine_gray", x), model$coef[x], sqrt(diag(model$var))[match(x, names(model$coef))])
for (g in c("A", "B", "C")) {
  found <- timepoints(cuminc(d$time[d$group == g], d$cause[d$group == g]), c(1, 3, 5, 10, 15, 20))$est
  for (cause in 1:2) for (at in colnames(found)) say(paste("incidence", g, cause), as.numeric(at), found[cause, at])
}
