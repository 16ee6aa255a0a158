import { a } from 'nestjs-kafka-socket';
console.log(a);
