# Results, events and agreement in R (base R, no packages). In the folder that holds them:
#   duchenne people study.csv --table people.csv --output named.csv
#   duchenne events named.csv --output events.csv
#   duchenne agree named.csv codes/*.eaf --output agreement.csv
#   Rscript study.R
named <- read.csv("named.csv", encoding = "UTF-8")
events <- read.csv("events.csv", encoding = "UTF-8")

# 9 is written by detect --unreliable blank where nothing can be judged.
aus <- grep("^AU[0-9]+_c$", names(named), value = TRUE)
named[aus] <- lapply(named[aus], function(calls) replace(calls, calls == 9, NA))

# Share of the frames in which each action unit occurs, by person; face_id would mix people.
rates <- aggregate(named[aus], by = list(person = named$person), FUN = mean, na.rm = TRUE)
print(rates[c("person", "AU06_c", "AU12_c", "AU25_c")], digits = 2)

# An interval by resampling blocks of five seconds, since neighbouring frames are no independent evidence.
interval <- function(calls, block, draws = 1000) {
  known <- !is.na(calls)
  present <- tapply(calls[known], block[known], sum)
  frames <- tapply(calls[known], block[known], length)
  drawn <- replicate(draws, {
    chosen <- sample(length(frames), replace = TRUE)
    sum(present[chosen]) / sum(frames[chosen])
  })
  quantile(drawn, c(0.025, 0.975))
}
set.seed(1)
block <- paste(named$source, named$timestamp_s %/% 5)
for (person in unique(named$person)) {
  own <- named$person == person
  ends <- interval(named$AU12_c[own], block[own])
  cat(sprintf("%s: AU12 in %.1f%% of the frames (%.1f to %.1f)\n", person,
              100 * mean(named$AU12_c[own], na.rm = TRUE), 100 * ends[1], 100 * ends[2]))
}

# How many events, and how long they last.
length_s <- aggregate(duration_s ~ person + au, data = events, FUN = function(s) c(number = length(s), mean = mean(s)))
print(head(length_s, 10), digits = 2)

if (file.exists("agreement.csv")) {
  agreement <- read.csv("agreement.csv", encoding = "UTF-8")
  print(agreement[order(-agreement$kappa), c("au", "kappa", "kappa_low", "kappa_high", "ac1")][1:8, ],
        digits = 2, row.names = FALSE)
}

# A mixed model of the intensity needs the package lme4: lmer(AU12_i ~ condition + (1 | person), data = ...),
# on means of blocks and not on single frames.
