# The work that the recorded trace is of: what a shell user does, from files and pipes to jobs and loops. Given to `sh -c`.
exec 2> /dev/null
mkdir -p /tmp/w/a/b/c && cd /tmp/w
i=0; while [ $i -lt 40 ]; do echo "line $i of a file" > f$i; cat f$i f$i > a/g$i; i=$((i+1)); done
seq 1 3000 | sort -r | uniq | head -n 200 | tail -n 20 | wc -l
for n in 1 2 3 4 5 6 7 8; do (echo $n; seq $n 50 | grep 1 | sed s/1/one/ | tr a-z A-Z) | cat > b$n; done
find / -name 'f1*' 2>/dev/null | xargs ls -l | awk '{ print $NF }' | sort
sleep 1 & sleep 1 & jobs; wait
tar cf t.tar a f* && gzip t.tar && gunzip t.tar.gz && tar xf t.tar
ls -lR / | wc -l
ps; cat /proc/meminfo /proc/self/maps | wc -c
cp -r a a2; mv a2 a3; ln -s a3 a4; rm -rf a3 a4 f* g*
i=0; while [ $i -lt 60 ]; do true | cat | cat; [ -e x$i ] || : > x$i; i=$((i+1)); done
echo done
